import Foundation
import SQLite
import TestSupport
import Testing

/// Queries on a file that Python's SQLite made (`scripts/fixtures/sqlite.py`).
@Suite("SQLite")
struct SQLiteTests {
    private let path = Checkout.fixture("small.sqlite")

    private func rows(_ query: String, _ path: String? = nil, _ change: (inout SQLiteLimits) -> Void = { _ in }) throws -> [[SQLiteValue]] {
        var limits = SQLiteLimits()
        change(&limits)
        let query = try SQLiteQuery(query, in: SQLiteDatabase(reading: path ?? self.path, limits: limits))
        var rows: [[SQLiteValue]] = []
        while let row = try query.next() { rows.append(row) }
        return rows
    }

    private func code(_ query: String, _ path: String? = nil, _ change: (inout SQLiteLimits) -> Void = { _ in }) -> SQLiteError.Code? {
        do {
            _ = try rows(query, path, change)
            return nil
        } catch {
            return (error as? SQLiteError)?.code
        }
    }

    @Test("a query gives the values of its rows in their storage classes, and the names of its columns")
    func values() throws {
        #expect(
            try rows("SELECT * FROM t ORDER BY id") == [
                [.integer(1), .text("é\u{0}ü\"; --"), .real(0.5), .blob([0, 255])], [.integer(2), .null, .integer(-7), .text("")],
            ])
        let query = try SQLiteQuery("SELECT id, name AS prompt FROM t ; -- all", in: SQLiteDatabase(reading: path))
        #expect(query.columns == ["id", "prompt"])
        #expect(
            try rows("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT sum(i) FROM n") == [[.integer(6)]])
    }

    @Test(
        "only one statement that reads is run",
        arguments: [
            "DELETE FROM t", "INSERT INTO t VALUES (3, 'a', 1, 1)", "CREATE TABLE u (a)", "DROP TABLE t", "ATTACH ':memory:' AS m",
            "PRAGMA writable_schema = 1", "VACUUM INTO '/tmp/never'", "BEGIN", "SELECT 1; DROP TABLE t", "SELECT 1; SELECT 2",
            "SELECT 1; nonsense", "REINDEX", "EXPLAIN DELETE FROM t",
        ])
    func readsOnly(query: String) throws {
        #expect(code(query) == .notAllowed, "\(query)")
        #expect(try rows("SELECT count(*) FROM t") == [[.integer(2)]])
    }

    @Test("what is no query is told apart from what is no database")
    func invalid() throws {
        for query in [
            "", " -- nothing", "SELEC 1", "SELECT missing FROM t", "SELECT load_extension('x')", "SELECT * FROM missing", "SELECT 1\u{0}",
        ] {
            #expect(code(query) == .invalidQuery, "\(query)")
        }
        let folder = try TemporaryFolder()
        #expect(code("SELECT 1 FROM t", try folder.write("no database, but some text that is long enough", to: "a.sqlite")) == .malformed)
        #expect(code("SELECT 1", folder.place("missing.sqlite")) == .cannotOpen)
        #expect(!folder.exists("missing.sqlite"))
    }

    @Test("a file that was cut at any page is told or read, and never a fault")
    func truncated() throws {
        let folder = try TemporaryFolder()
        let whole = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        for count in stride(from: 0, to: whole.count, by: 256) {
            let cut = try folder.write(Array(whole[..<count]), to: "cut.sqlite")
            let found = code("SELECT * FROM t", cut)
            #expect(found == nil || found == .malformed || found == .invalidQuery, "\(count) bytes: \(found?.rawValue ?? "")")
        }
    }

    @Test("rows that are in the write-ahead log of an open database are read, and none of another's log")
    func log() throws {
        let folder = try TemporaryFolder()
        for name in ["wal.sqlite", "wal.sqlite-wal"] {
            try folder.write(Array(Data(contentsOf: URL(fileURLWithPath: Checkout.fixture(name)))), to: name)
        }
        #expect(try rows("SELECT name FROM t", folder.place("wal.sqlite")) == [[.text("old")], [.text("new")]])
    }

    @Test("each limit holds at its edge")
    func limits() {
        #expect(code("SELECT id FROM t") { $0.rows = 2 } == nil)
        #expect(code("SELECT 'abc' FROM t") { $0.bytes = 6 } == nil)
        #expect(code("SELECT 'abc' FROM t") { $0.bytes = 5 } == .limitExceeded)
        #expect(code("SELECT id FROM t") { $0.rows = 1 } == .limitExceeded)
        #expect(code("SELECT 'abcd', 'efgh'") { $0.valueBytes = 8 } == nil)
        #expect(code("SELECT 'abcd', 'efgh'") { $0.valueBytes = 7 } == .limitExceeded)
        #expect(code("SELECT zeroblob(1000)") { $0.valueBytes = 999 } == .limitExceeded)
        #expect(code("SELECT 1, 2") { $0.columns = 2 } == nil)
        #expect(code("SELECT 1, 2, 3") { $0.columns = 2 } == .invalidQuery)
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
        #expect(code(endless) { $0.kiloInstructions = 1000 } == .limitExceeded)
    }
}
