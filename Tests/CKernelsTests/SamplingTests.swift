import CKernels
import Foundation
import Testing

@Suite struct SamplingTests {
    private let counts = Array(0...35) + [63, 64, 65, 576, 1001]

    /// Logits with what models should not give, but might.
    private func logits(_ count: Int) -> [Float] {
        var numbers = Numbers(count)
        var values = numbers.floats(count, scale: 12)
        for (index, odd) in [Float.nan, -Float.infinity, -3e38].enumerated() where count > 4 * index + 4 { values[4 * index + 3] = odd }
        return values
    }

    @Test func sumsAndWeightsAreThoseOfTheSoftmaxAndTheSameBitsEverywhere() {
        for count in counts {
            let x = unaligned(logits(count))
            let expected = x.dropFirst().map { $0.isNaN ? 0 : exp((Double($0) - 3) * 0.7) }
            let edge = count > 2 ? x[3] : 0
            let above = zip(x.dropFirst(), expected).reduce(0) { $1.0 > edge ? $0 + $1.1 : $0 }
            var first: (sum: UInt32, part: UInt32, weights: [UInt32])?
            for name in implementations {
                let k = kernels(name).sampling
                var weights = x + [7]
                let (sum, part) = x.withUnsafeBufferPointer {
                    (k.exp_sum($0.baseAddress! + 1, count, 3, 0.7, -.infinity), k.exp_sum($0.baseAddress! + 1, count, 3, 0.7, edge))
                }
                #expect(abs(Double(part) - above) <= 2e-5 * max(1, above), "\(name), \(count)")
                weights.withUnsafeMutableBufferPointer { k.exp_scaled($0.baseAddress! + 1, count, 3, 0.7) }
                #expect(weights.removeLast() == 7, "nothing is written past the end")
                #expect(abs(Double(sum) - expected.reduce(0, +)) <= 2e-5 * max(1, expected.reduce(0, +)), "\(name), \(count)")
                for (a, b) in zip(weights.dropFirst(), expected) { #expect(abs(Double(a) - b) <= 2e-5 * max(1, b)) }
                let found = (sum.bitPattern, part.bitPattern, bits(Array(weights.dropFirst())))
                if let first { #expect(first == found, "\(name), \(count)") } else { first = found }
            }
        }
    }

    @Test func selectionFindsExactlyWhatReachesTheThreshold() {
        for count in counts {
            let x = unaligned(logits(count))
            for least: Float in [-20, 0, 5, 11.9, 30, -.infinity] {
                let expected = (0..<count).filter { x[$0 + 1] >= least }.map(UInt32.init)
                for name in implementations {
                    var indices = [UInt32](repeating: .max, count: count + 1)
                    let found = x.withUnsafeBufferPointer { kernels(name).sampling.select($0.baseAddress! + 1, count, least, &indices) }
                    #expect(Array(indices[..<found]) == expected, "\(name), \(count) from \(least)")
                    #expect(indices[count] == .max, "nothing is written past the end")
                }
            }
        }
    }
}
