import Files
import JSON
import TestSupport
import Testing

@testable import Tuning

/// Rows against what TRL makes of them (`scripts/fixtures/tuning_rows.py`).
@Suite("Rows as TRL prepares them")
struct RowParityTests {
    private struct Case {
        var row: JSONCursor
        var stored: JSONCursor

        func integers(_ name: String) throws -> [Int32] { try stored[name].array().map { Int32(try $0.int()) } }

        /// The row through a file of our own reader.
        func encoded(_ change: (inout EncodingOptions) -> Void = { _ in }) throws -> TrainingExample {
            let folder = try TemporaryFolder()
            let path = try folder.write(JSONValue.object(try row.object()).serializedBytes(), to: "row.jsonl")
            let file = try DataFileReader().read(path)
            try file.requireWhole()
            return try SmallBase.encoder(template: "chatml", change: change).encode(try #require(file.rows.first)).example
        }
    }

    private static func document() throws -> JSONCursor {
        JSONCursor(try JSONValue.parse(RegularFile.contents(Checkout.fixture("rows.json"), limitBytes: 1 << 20)))
    }

    private static func cases(_ name: String) throws -> [Case] {
        try document()[name].array().map { Case(row: $0["row"], stored: $0) }
    }

    /// TRL also trains the line end that the template writes after the token that ends the answer; generation never gets there.
    private func withoutLineEnd(_ tokens: [Int32]) -> [Int32] { Array(tokens.dropLast()) }

    @Test("conversations have TRL's tokens and its assistant masks, up to the last target")
    func messages() throws {
        let cases = try Self.cases("messages")
        #expect(cases.count == 2)
        for stored in cases {
            let sequence = try stored.encoded().sequences[0]
            #expect(sequence.tokens == withoutLineEnd(try stored.integers("input_ids")))
            #expect(sequence.isTarget == withoutLineEnd(try stored.integers("labels")).map { $0 >= 0 })
        }
    }

    @Test("prompts and completions have TRL's tokens and completion masks, as messages and as plain text")
    func completions() throws {
        let cases = try Self.cases("completion")
        #expect(cases.count == 6)
        for stored in cases {
            let sequence = try stored.encoded { $0.wrapsText = false }.sequences[0]
            let (tokens, labels) = (try stored.integers("input_ids"), try stored.integers("labels"))
            if case .array? = stored.row["prompt"].value {
                #expect(sequence.tokens == withoutLineEnd(tokens))
                #expect(sequence.isTarget == withoutLineEnd(labels).map { $0 >= 0 })
            } else if try stored.row["prompt"].string() == "Translate: " {
                // A token spans the border: TRL leaves the prompt's space to the answer, and warns. Ours is the prompt of a client.
                #expect(sequence.tokens != tokens)
            } else {
                #expect(sequence.tokens == tokens)
                #expect(sequence.isTarget == labels.map { $0 >= 0 })
            }
        }
    }

    @Test("plain texts have TRL's tokens")
    func texts() throws {
        for stored in try Self.cases("text") {
            let sequence = try stored.encoded().sequences[0]
            #expect(sequence.tokens == (try stored.integers("input_ids")))
            #expect(sequence.targetCount == sequence.tokens.count - 1)
        }
    }

    @Test("pairs and labelled answers have TRL's prompts and answers")
    func answers() throws {
        func check(_ sequence: TrainingSequence, _ prompt: [Int32], _ answer: [Int32]) {
            #expect(sequence.tokens == prompt + withoutLineEnd(answer))
            #expect(sequence.isTarget == sequence.tokens.indices.map { $0 >= prompt.count })
        }
        for stored in try Self.cases("preference") {
            let sequences = try stored.encoded().sequences
            check(sequences[0], try stored.integers("prompt_ids"), try stored.integers("chosen_ids"))
            check(sequences[1], try stored.integers("prompt_ids"), try stored.integers("rejected_ids"))
        }
        for stored in try Self.cases("labelled") {
            let example = try stored.encoded()
            check(example.sequences[0], try stored.integers("prompt_ids"), try stored.integers("completion_ids"))
            guard case .labelled(_, let isDesirable) = example else {
                Issue.record("not a labelled example")
                continue
            }
            #expect(isDesirable == (try stored.row["label"].bool()))
        }
    }
}
