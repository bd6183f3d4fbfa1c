import Foundation
import Generation
import JSON
import Testing

@testable import Inference

@Suite("Token rules and typical sampling")
struct TokenRulesTests {
    private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")

    private func sampler(
        _ change: (inout SamplingParameters) -> Void = { _ in }, constraint: (any TokenConstraint)? = nil, rules: TokenRules? = nil
    ) -> Sampler {
        var parameters = SamplingParameters()
        change(&parameters)
        return Sampler(parameters, topLogprobs: nil, prompt: [], seed: 42, constraint: constraint, rules: rules)
    }

    private func choose(_ sampler: inout Sampler, _ logits: [Float]) -> SampledToken {
        var logits = logits
        let scratch = SamplerScratch(vocabulary: logits.count)
        return logits.withUnsafeMutableBufferPointer { sampler.sample($0, scratch: scratch) }
    }

    private struct Only: TokenConstraint {
        let token: Int32

        func mask(_ logits: UnsafeMutableBufferPointer<Float>) {
            for index in logits.indices where Int32(index) != token { logits[index] = -.infinity }
        }
        func allows(_ token: Int32) -> Bool { token == self.token }
        mutating func accept(_ token: Int32) {}
    }

    @Test("typical sampling keeps the tokens that transformers keeps")
    func typical() throws {
        let cases = try JSONValue.parse(Array(Data(contentsOf: Self.fixtures.appending(path: "typical.json"))))
        let list = try #require(cases.arrayValue)
        #expect(list.count == 60)
        for (number, entry) in list.enumerated() {
            let value = JSONCursor(entry)
            let logits = try value["logits"].array().map { Float(try $0.double(in: -100...100)) }
            let kept = Set(try value["kept"].array().map { try $0.int() })
            let (temperature, topK) = (try value["temperature"].double(in: 0...2), try value["top_k"].int())
            let typicalP = Float(try value["typical_p"].double(in: 0...1))
            var sampler = sampler {
                $0.temperature = Float(temperature)
                $0.topK = topK
                $0.typicalP = typicalP
                $0.seed = 3
            }
            var drawn: [Int: Int] = [:]
            for _ in 0..<600 { drawn[Int(choose(&sampler, logits).token), default: 0] += 1 }
            #expect(Set(drawn.keys).isSubset(of: kept), "case \(number)")
            // What is kept comes as often as its share says.
            let weights = kept.map { ($0, exp(Double(logits[$0]) / temperature)) }
            let total = weights.reduce(0) { $0 + $1.1 }
            for (token, weight) in weights {
                #expect(abs(Double(drawn[token] ?? 0) / 600 - weight / total) < 0.12, "case \(number), token \(token)")
            }
        }
    }

    @Test("only allowed tokens are drawn, and a banned word's last token not after the others")
    func allowedAndBanned() throws {
        let logits: [Float] = [5, 4, 3, 2, 1, 0.5]
        var few = sampler({ $0.temperature = 0 }, rules: TokenRules(allowed: [5, 2, 99], words: [], ends: [], minTokens: 0))
        #expect(choose(&few, logits).token == 2)
        var words = sampler({ $0.temperature = 0 }, rules: TokenRules(allowed: nil, words: [[0, 0, 1], [0, 0, 0], []], ends: [], minTokens: 0))
        #expect((0..<7).map { _ in choose(&words, logits).token } == [0, 0, 2, 0, 0, 2, 0])
        var none = sampler({ $0.temperature = 0 }, rules: TokenRules(allowed: [3], words: [[3]], ends: [], minTokens: 0))
        #expect(choose(&none, logits).failure == .nothingAllowed)
        #expect(TokenRules(allowed: nil, words: [[]], ends: [1], minTokens: 0) == nil)
        #expect(TokenRules(allowed: nil, words: [], ends: [], minTokens: 3) == nil)
    }

    @Test("no end comes before its time, unless a constraint allows nothing else")
    func earlyEnds() throws {
        let logits: [Float] = [5, 4, 3, 2]
        let rules = TokenRules(allowed: nil, words: [], ends: [0, 1], minTokens: 2)
        var sampler = sampler({ $0.temperature = 0 }, rules: rules)
        #expect((0..<3).map { _ in choose(&sampler, logits).token } == [2, 2, 0])
        var complete = self.sampler({ $0.temperature = 0 }, constraint: Only(token: 1), rules: rules)
        #expect(choose(&complete, logits).token == 1)
    }
}
