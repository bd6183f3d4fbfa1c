import Foundation
import TestSupport
import Testing

@testable import Evaluation

/// Scores of texts against the reference implementations (`scripts/fixtures/answer_scores.py`).
@Suite struct AnswerScoreTests {
    struct Fixture: Decodable {
        struct Case: Decodable {
            var answer: String
            var expected: String
            var squad_words: [String]
            var squad_exact: Double
            var f1: Double
            var rouge_words: [String]
            var rouge_l: Double
        }

        struct Sample: Decodable {
            var sample: [Double]
            var interval: [Double]
        }

        var cases: [Case]
        var samples: [Sample]
    }

    static var fixture: Fixture {
        get throws {
            try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: URL(filePath: Checkout.fixture("answer_scores.json"))))
        }
    }

    @Test func squadAndROUGEAreThoseOfTheReferences() throws {
        let cases = try Self.fixture.cases
        #expect(cases.count > 60)
        for pair in cases {
            #expect(AnswerWords.squad(pair.answer) == pair.squad_words, "\(pair.answer)")
            #expect(AnswerScore.squadExact(pair.answer, pair.expected) == pair.squad_exact, "\(pair.answer) / \(pair.expected)")
            #expect(abs(AnswerScore.f1(pair.answer, pair.expected) - pair.f1) < 1e-6, "\(pair.answer) / \(pair.expected)")
            #expect(AnswerWords.rouge(pair.answer) == pair.rouge_words, "\(pair.answer)")
            #expect(abs(AnswerScore.rougeL(pair.answer, pair.expected) - pair.rouge_l) < 1e-12, "\(pair.answer) / \(pair.expected)")
        }
    }

    @Test func anExactMatchIgnoresWhiteSpaceAtTheEndsOnly() {
        #expect(AnswerScore.exact(" ls -a\n", "ls -a") == 1)
        #expect(AnswerScore.exact("ls  -a", "ls -a") == 0)
        #expect(AnswerScore.exact("LS -a", "ls -a") == 0)
        #expect(AnswerScore.exact("", " \n") == 1)
    }

    @Test(arguments: [
        ("#### 18", "18"), ("She makes 9 * 2 = $<<9*2=18>>18.\n#### 18\n", "18"), ("#### $1,234.50 a day, not 7", "1234.5"),
        ("16 - 3 - 4 = 9", "9"), ("it is 5-3", "3"), ("it is -3", "-3"), ("it is -$3.00", "-3"), ("(2)-1", "1"), ("007", "7"),
        ("1, 2, 3", "3"), ("10,000,000", "10000000"), ("12,34", "34"), ("1234,567", "567"), ("1,2345", "2345"), ("half is .5", "0.5"),
        ("3.", "3"), ("-0.0", "0"), ("50%", "50"), ("12345678901234567891", "12345678901234567891"), ("#### 1\n#### 2", "2"), ("é9", "9"),
    ])
    func aNumberIsReadAsAPersonReadsIt(text: String, number: String) throws {
        #expect(try #require(AnswerNumber(in: text)).description == number)
    }

    @Test func aTextMayHaveNoNumber() {
        for text in ["", "none", "####", "18\n#### unknown", "-.", "$,"] { #expect(AnswerNumber(in: text) == nil, "\(text)") }
        for text in ["#### 7", "7", "-7.5", "$1,200", " 5 %"] { #expect(AnswerNumber.isMarked(text), "\(text)") }
        for text in ["", "seven", "it is 7", "####", "."] { #expect(!AnswerNumber.isMarked(text), "\(text)") }
        #expect(AnswerNumber(in: "2.50") == AnswerNumber(in: "2.5") && AnswerNumber(in: "2.5") != AnswerNumber(in: "25"))
    }

    @Test func codeIsTakenOutOfItsFences() {
        #expect(AnswerCode.first(in: " SELECT 1 ;\n") == "SELECT 1 ;")
        #expect(AnswerCode.first(in: "Here:\n```sql\nSELECT 1\nFROM t\n```\nand\n```\nSELECT 2\n```") == "SELECT 1\nFROM t")
        #expect(AnswerCode.first(in: "```\nSELECT 1") == "SELECT 1")
        #expect(AnswerCode.first(in: "a ``` b") == "a ``` b")
    }
}
