import ChatTemplates
import Foundation
import TestSupport
import Testing
import Tokenizers
import Tuning

@testable import Evaluation

@Suite struct EvaluationSetTests {
    private func file(_ lines: [String]) throws -> DataFile {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).jsonl")
        defer { try? FileManager.default.removeItem(at: url) }
        try Data(lines.joined(separator: "\n").utf8).write(to: url)
        return try DataFileReader().read(url.path)
    }

    private func set(_ lines: String...) throws -> EvaluationSet { try EvaluationSet(file(lines)) }

    private func encoder(template: Bool) throws -> RowEncoder {
        let tokenizer = try DecoderTokenizer.load(tokenizerJSON: "\(Checkout.path)/Tests/TokenizersTests/Fixtures/smollm.json")
        let path = "\(Checkout.path)/Tests/ChatTemplatesTests/Fixtures/templates/chatml.jinja"
        let source = try String(contentsOfFile: path, encoding: .utf8)
        let chat = ConversationTemplate(try ChatTemplate(source: source), beginOfSequence: "", endOfSequence: "<|im_end|>")
        return RowEncoder(tokenizer: tokenizer, template: template ? chat : nil, endOfSequence: tokenizer.token("<|im_end|>"))
    }

    private func text(_ tokens: some Sequence<Int32>, _ encoder: RowEncoder) throws -> String {
        let tokenizer = try DecoderTokenizer.load(tokenizerJSON: "\(Checkout.path)/Tests/TokenizersTests/Fixtures/smollm.json")
        return tokenizer.decode(Array(tokens), skipSpecialTokens: false)
    }

    @Test func questionAndAnswerAreThoseOfTheLastExchange() throws {
        let talk = #"{"messages": [{"role": "user", "content": "one"}, {"role": "assistant", "content": "1"}, {"role": "user", "content": "two"}, {"role": "assistant", "content": "2"}, {"role": "user", "content": "bye"}]}"#
        let item = try #require(try set(talk).items.first)
        #expect(item.question == "two" && item.expected == "2")
        let encoder = try encoder(template: true)
        let tokens = try ItemTokens(item.row, encoder)
        #expect(try text(tokens.prompt, encoder).hasSuffix("two<|im_end|>\n<|im_start|>assistant\n"))
        #expect(tokens.answers?.targetCount == 4, "both answers and their ends count in the loss")
        #expect(tokens.answerTokens == 2)
        let alpaca = try set(#"{"instruction": "add", "input": "1 2", "output": "3"}"#).items
        #expect(alpaca.first?.question == "add\n\n1 2" && alpaca.first?.expected == "3")
    }

    @Test func rowsWithoutAnAnswerToCompareWithAreCounted() throws {
        let found = try set(
            #"{"prompt": "a", "completion": "b", "label": true}"#, #"{"prompt": "a", "completion": "c", "label": false}"#,
            #"{"prompt": "a", "completion": " ", "label": true}"#)
        #expect(found.items.map(\.line) == [1] && found.fileRows == 3 && found.unusable == 2)
        let text = try set(#"{"text": "once"}"#)
        #expect(text.items.first?.expected == nil && text.standardMetrics(hasDatabase: true) == [.loss])
        let error = #expect(throws: EvaluationError.self) { try text.check([.loss, .f1], hasDatabase: false) }
        #expect(error?.code == .invalidSetting)
        #expect(throws: EvaluationError.self) { try set(#"{"prompt": "a", "completion": "", "label": true}"#) }
    }

    @Test func metricsFollowFromTheData() throws {
        #expect(try set(#"{"prompt": "p", "completion": "so 5\n#### 5"}"#).standardMetrics(hasDatabase: false) == [.loss, .number])
        #expect(try set(#"{"prompt": "p", "completion": "SELECT 5"}"#).standardMetrics(hasDatabase: true) == [.loss, .sql, .exact])
        #expect(try set(#"{"prompt": "p", "completion": "five 5"}"#).standardMetrics(hasDatabase: false) == [.loss, .exact, .f1, .rougeL])
        let choice = try set(#"{"prompt": "p", "choices": ["x", "y"], "answer": 0}"#)
        #expect(choice.standardMetrics(hasDatabase: false) == [.loss, .choice])
        #expect(throws: EvaluationError.self) { try choice.check([.sql], hasDatabase: false) }
        #expect(throws: EvaluationError.self) { try set(#"{"prompt": "p", "completion": "c"}"#).check([.choice], hasDatabase: false) }
        #expect(try Metric.list("f1, loss,f1") == [.f1, .loss])
        let error = #expect(throws: EvaluationError.self) { try Metric.list("f2") }
        #expect(error?.message.contains("rouge-l") == true)
    }

    @Test func aSampleKeepsTheOrderAndFollowsFromTheSeed() throws {
        let lines = (0..<20).map { "{\"prompt\": \"p\($0)\", \"completion\": \"c\"}" }
        func drawn(_ seed: UInt64) throws -> [Int] { try EvaluationSet(file(lines), limit: 5, seed: seed).items.map(\.line) }
        let first = try drawn(0)
        #expect(first.count == 5 && first == first.sorted() && Set(first).count == 5)
        #expect(try drawn(0) == first && drawn(1) != first)
        #expect(try EvaluationSet(file(lines), limit: 50).items.count == 20)
    }

    @Test func choicesFollowThePromptAndEndWithoutTheirEnd() throws {
        let line = #"{"prompt": "2+2=", "choices": ["four", "five"], "answer": "B"}"#
        let item = try #require(try set(line).items.first)
        #expect(item.expected == "five")
        for (hasTemplate, before) in [(true, "assistant\n"), (false, "2+2=")] {
            let encoder = try encoder(template: hasTemplate)
            let choices = try #require(try ItemTokens(item.row, encoder).choices)
            #expect(choices.answer == 1 && choices.texts == ["four", "five"])
            for (sequence, choice) in zip(choices.sequences, choices.texts) {
                let targets = zip(sequence.tokens, sequence.isTarget).filter(\.1).map(\.0)
                #expect(try text(targets, encoder) == (hasTemplate ? choice : " \(choice)"))
                #expect(try text(sequence.tokens, encoder).contains(before))
                #expect(sequence.isTarget.last == true)
            }
        }
        let pair = try set(#"{"prompt": "p", "chosen": "yes", "rejected": "no"}"#)
        let preference = try #require(try ItemTokens(pair.items[0].row, encoder(template: true)).choices)
        #expect(preference.answer == 0 && preference.texts == ["yes", "no"] && pair.items[0].expected == "yes")
    }
}
