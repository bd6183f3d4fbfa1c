import Foundation
import Testing

@testable import Memory

@Suite("what the engine says of a token")
struct ServedTokenTests {
    /// Some logits, of which several are equal.
    private func logits(_ count: Int) -> [Float] { (0..<count).map { Float(($0 * 7919) % 1009) / 100 } }

    @Test("the cross entropy is that of all logits, and the greatest logits compete, in order", arguments: [1, 63, 64, 65, 1000])
    func values(vocabulary: Int) {
        let given = logits(vocabulary)
        let sum = given.reduce(0.0) { $0 + exp(Double($1)) }
        let order = given.indices.sorted { (given[$1], $0) < (given[$0], $1) }.prefix(9).map { Int32($0) }
        for token in [0, vocabulary / 2, vocabulary - 1] {
            var own = given
            let found = ServedToken(Int32(token), &own, vocabulary: vocabulary, competing: 9, above: 0)
            #expect(abs(Double(found.crossEntropy) - (log(sum) - Double(given[token]))) < 1e-5)
            #expect(found.competing == order)
        }
    }

    @Test("nothing competes with a token that is sure")
    func sure() {
        var own: [Float] = [0, 12, 1]
        let found = ServedToken(1, &own, vocabulary: 3, competing: 2, above: 0.1)
        #expect(found.crossEntropy < 0.1 && found.competing.isEmpty)
    }

    @Test("logits that are no numbers count as an infinite cross entropy")
    func damaged() {
        var own: [Float] = [0, .nan, 1]
        #expect(ServedToken(0, &own, vocabulary: 3, competing: 2, above: 0.1).crossEntropy == .infinity)
    }
}
