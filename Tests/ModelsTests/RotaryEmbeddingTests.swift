import Testing

@testable import Models

@Suite("rotary embedding")
struct RotaryEmbeddingTests {
    private func close(_ one: [Float], _ other: [Float]) -> Bool {
        one.count == other.count && zip(one, other).allSatisfy { abs($0 - $1) <= 1e-6 * abs($1) }
    }

    @Test("frequencies fall from 1 in equal ratios; linear scaling divides them")
    func plain() {
        #expect(close(RotaryEmbedding(base: 10000).frequencies(dimension: 8), [1, 0.1, 0.01, 0.001]))
        #expect(
            close(
                RotaryEmbedding(base: 10000, scaling: .linear(factor: 4)).frequencies(dimension: 8),
                [0.25, 0.025, 0.0025, 0.00025]))
        #expect(
            close(
                RotaryEmbedding(base: 10000, scaling: .divisors([1, 2, 4, 8])).frequencies(dimension: 8),
                [1, 0.05, 0.0025, 0.000125]))
    }

    @Test("Llama 3 scaling keeps short wavelengths, divides long ones and blends between")
    func llama3() {
        // Of transformers' ROPE_INIT_FUNCTIONS["llama3"]: theta 10000, factor 8, low 1, high 4, original context 64.
        let rope = RotaryEmbedding(
            base: 10000,
            scaling: .llama3(factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 64))
        #expect(close(rope.frequencies(dimension: 16), Self.expected))
    }

    static let expected: [Float] = [1.0, 0.24438458681106567, 0.013042256236076355, 0.0039528473280370235, 0.0012499999720603228, 0.00039528473280370235, 0.0001250000059371814, 3.9528473280370235e-05]
}
