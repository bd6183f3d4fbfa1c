internal import Glibc

import Tensors

/// The log-probabilities of a row of logits: each logit less the logarithm of the sum of all exponentials. Borrows the row, which must
/// not change meanwhile.
///
/// The rows of a prompt and those that give tokens go through here alike, so the same row of logits gives the same bits.
struct LogProbabilities {
    private let logits: UnsafeMutableBufferPointer<Float>
    private let normalizer: Float

    /// Cost: one pass over the vocabulary.
    ///
    /// - Parameter maximum: the largest logit.
    init(_ logits: UnsafeMutableBufferPointer<Float>, maximum: Float) {
        self.logits = logits
        guard let row = logits.baseAddress else {
            normalizer = maximum
            return
        }
        var sum = 0.0
        for start in stride(from: 0, to: logits.count, by: 1024) {
            sum += Double(Kernels.expSum(row + start, count: min(1024, logits.count - start), maximum: maximum, scale: 1))
        }
        normalizer = maximum + Float(log(sum))
    }

    subscript(token: Int32) -> Float { logits[Int(token)] - normalizer }

    /// One more than the number of tokens that are more probable: `O(vocabulary)`.
    func rank(of token: Int32) -> Int {
        let logit = logits[Int(token)]
        return 1 + logits.count { $0 > logit }
    }

    /// The most probable tokens that are possible at all, most probable first, the lower id first in a tie: `O(vocabulary + count^2)`
    /// typically.
    ///
    /// - Parameter places: receives them; has room for `count`.
    /// - Returns: how many there are.
    func largest(_ count: Int, into places: UnsafeMutablePointer<Int32>) -> Int {
        guard count > 0 else { return 0 }
        var kept = 0
        for index in logits.indices {
            let logit = logits[index]
            if kept == count, logit <= logits[Int(places[kept - 1])] { continue }
            guard logit > -.infinity else { continue }
            if kept < count { kept += 1 }
            var place = kept - 1
            while place > 0, logits[Int(places[place - 1])] < logit {
                places[place] = places[place - 1]
                place -= 1
            }
            places[place] = Int32(index)
        }
        return kept
    }

    /// The same as an array, with their log-probabilities.
    func largest(_ count: Int) -> [(token: Int32, logprob: Float)] {
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: max(count, 1)) { places in
            guard let base = places.baseAddress else { return [] }
            return (0..<largest(count, into: base)).map { (base[$0], self[base[$0]]) }
        }
    }
}
