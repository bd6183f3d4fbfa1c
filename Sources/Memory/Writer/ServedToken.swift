internal import Foundation
internal import Tensors

/// What the engine's step says of a token of an answer that is given to it.
struct ServedToken {
    /// In nats. Infinite where the logits are no numbers.
    private(set) var crossEntropy = Float.infinity
    /// The tokens with the greatest logits, the greatest first; none for a token whose cross entropy is small.
    private(set) var competing: [Int32] = []

    init() {}

    /// - Parameters:
    ///   - logits: of the row that predicts the token, `[vocabulary]`. They are changed.
    ///   - competing: the most tokens that are kept.
    ///   - least: the cross entropy from which on tokens compete.
    init(_ token: Int32, _ logits: UnsafeMutablePointer<Float>, vocabulary: Int, competing: Int, above least: Float) {
        let (own, most) = (logits[Int(token)], logits[Kernels.maximumIndex(logits, count: vocabulary)])
        // The exponentials have the order of the logits.
        let entropy = most - own + log(Kernels.expShifted(logits, most: most, count: vocabulary))
        if entropy.isFinite { crossEntropy = entropy }
        if crossEntropy >= least { self.competing = Self.greatest(competing, logits, vocabulary: vocabulary) }
    }

    /// Values that are compared at once.
    private static let block = 64

    /// The places of the greatest values, the greatest first; of equal ones the first.
    static func greatest(_ count: Int, _ values: UnsafePointer<Float>, vocabulary: Int) -> [Int32] {
        var kept: [(value: Float, token: Int32)] = []
        kept.reserveCapacity(count + 1)
        var least = -Float.infinity
        for first in stride(from: 0, to: vocabulary, by: block) {
            let size = min(block, vocabulary - first)
            guard values[first + Kernels.maximumIndex(values + first, count: size)] > least else { continue }
            for token in first..<first + size where values[token] > least {
                let place = kept.lastIndex { $0.value >= values[token] }.map { $0 + 1 } ?? 0
                kept.insert((values[token], Int32(token)), at: place)
                if kept.count > count { kept.removeLast() }
                if kept.count == count { least = kept[count - 1].value }
            }
        }
        return kept.map(\.token)
    }
}
