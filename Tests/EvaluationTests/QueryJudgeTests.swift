import SQLite
import TestSupport
import Testing

@testable import Evaluation

/// Queries on the small database of the SQLite tests: `t(id, name, number, data)`, two rows.
@Suite struct QueryJudgeTests {
    private static let path = "\(Checkout.path)/Tests/SQLiteTests/Fixtures/small.sqlite"

    private func verdict(_ answer: String, _ expected: String, _ change: (inout SQLiteLimits) -> Void = { _ in }) throws -> QueryJudge.Verdict {
        var limits = QueryJudge.standardLimits
        change(&limits)
        return try QueryJudge(Self.path, limits: limits).judge(answer, expected: expected)
    }

    @Test func rowsAreComparedAndNotTexts() throws {
        let expected = "SELECT id, number FROM t"
        #expect(try verdict("select t.id as x, t.number from t order by id desc ;", expected) == .same)
        #expect(try verdict("```sql\nSELECT id, number FROM t\n```", expected) == .same)
        #expect(try verdict("SELECT number, id FROM t", expected) == .different)
        #expect(try verdict("SELECT id, number FROM t UNION ALL SELECT 1, 0.5", expected) == .different)
        #expect(try verdict("SELECT id, number FROM t WHERE id = 1 UNION ALL SELECT 1, 0.5", expected) == .different)
        #expect(try verdict("SELECT id FROM t WHERE id > 5", "SELECT name FROM t WHERE id > 7") == .same)
    }

    @Test func anOrderCountsWhereTheExpectedQueryHasOne() throws {
        let expected = "SELECT id FROM t ORDER BY id"
        #expect(try verdict("SELECT id FROM t ORDER BY -id", expected) == .different)
        #expect(try verdict("SELECT id FROM t ORDER BY number DESC", expected) == .same)
        #expect(try verdict("SELECT id FROM t ORDER BY -id", "SELECT id FROM t -- ORDER BY id") == .same)
    }

    @Test(arguments: [
        ("select a from t order\n by b", true), ("SELECT a FROM (SELECT a FROM t ORDER BY a)", false),
        ("SELECT 'x ORDER BY y' FROM t", false), ("SELECT \"ORDER\" BY", false), ("SELECT a /* ORDER BY */ FROM t", false),
        ("SELECT ''' ORDER BY' , a FROM t ORDER /* so */ BY a LIMIT 1", true), ("SELECT border by FROM t", false),
        ("SELECT rank() OVER (ORDER BY a) FROM t", false), ("SELECT 'open ORDER BY", false), ("", false), ("ORDER, BY", false),
    ])
    func orderIsFoundOutsideOfParenthesesAndTexts(query: String, isOrdered: Bool) {
        #expect(QueryOrder.isOrdered(query) == isOrdered)
    }

    @Test func numbersAreEqualInTheirFirstTwelveDigits() throws {
        #expect(try verdict("SELECT 0.1 + 0.2, 5.0", "SELECT 0.3, 5") == .same)
        #expect(try verdict("SELECT 0.30000001", "SELECT 0.3") == .different)
        #expect(try verdict("SELECT '5'", "SELECT 5") == .different)
        #expect(try verdict("SELECT NULL", "SELECT 0") == .different)
        #expect(try verdict("SELECT -0.0", "SELECT 0") == .same)
        #expect(try verdict("SELECT 9007199254740993", "SELECT 9007199254740992") == .different)
    }

    @Test func whatDoesNotRunIsToldApart() throws {
        func isFailed(_ answer: String, _ change: (inout SQLiteLimits) -> Void = { _ in }) throws -> Bool {
            if case .failed = try verdict(answer, "SELECT id FROM t", change) { true } else { false }
        }
        for answer in ["", "I do not know.", "DELETE FROM t", "SELECT id FROM t; SELECT 1", "SELECT id FROM unknown"] {
            #expect(try isFailed(answer), "\(answer)")
        }
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
        #expect(try isFailed(endless) { $0.kiloInstructions = 100 })
        #expect(try isFailed("SELECT 1 FROM t a, t b, t c") { $0.rows = 4 })
        guard case .unknown = try verdict("SELECT 1", "SELECT id FROM unknown") else {
            Issue.record("a wrong expected query says nothing about the answer")
            return
        }
    }

    @Test func aFileThatIsNoDatabaseIsRefused() {
        for path in [Checkout.path + "/Package.swift", "/nowhere/x.sqlite"] {
            let error = #expect(throws: EvaluationError.self) { try QueryJudge(path) }
            #expect(error?.code == .database && error?.place == path)
        }
    }
}
