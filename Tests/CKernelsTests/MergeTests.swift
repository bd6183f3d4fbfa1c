import CKernels
import Testing

/// Kernels of merges against plain loops, in every instruction set: the same bits.
@Suite struct MergeTests {
    /// Odd lengths, whole vectors, and more than a chunk of the kernels.
    static let counts = Array(0...35) + [255, 256, 257, 1023, 1024, 1025, 2100]

    /// Of few sizes, so that there are equals, and zeros.
    private static func values(_ count: Int, _ numbers: inout Numbers) -> [Float] {
        (0..<count).map { _ in Float(Int(numbers.bits() % 33) - 16) / 16 }
    }

    private static func voted(
        _ changes: [[Float]], _ weights: [Float], _ rule: ck_merge_rule, base: [Float]?, count: Int, _ kernels: ck_merge_kernels
    ) -> [Float] {
        var (out, rule) = ([Float](repeating: 7, count: count + 2), rule)
        // The start of each is not aligned.
        changes.flatMap { unaligned($0) }.withUnsafeBufferPointer { flat in
            let starts = changes.indices.map { Optional(flat.baseAddress! + $0 * (count + 1) + 1) }
            (base ?? []).withUnsafeBufferPointer { base in
                out.withUnsafeMutableBufferPointer { out in
                    kernels.vote(
                        starts, weights, weights.count, &rule, base.isEmpty ? nil : base.baseAddress, count, out.baseAddress! + 1)
                }
            }
        }
        #expect(out.first == 7 && out.last == 7, "nothing is written beside the elements")
        return Array(out.dropFirst().dropLast())
    }

    /// The formula of the header, an element at a time, for fewer than 16 changes.
    private static func formula(_ changes: [[Float]], _ weights: [Float], _ rule: ck_merge_rule, base: [Float]?, count: Int) -> [Float] {
        (0..<count).map { index in
            let column = changes.map { $0[index] }
            var sign: Float = 0
            for (value, weight) in zip(column, weights) {
                switch rule.vote {
                case CK_VOTE_WEIGHTED: sign += value * weight
                case CK_VOTE_FREQUENCY: sign += value > 0 ? 1 : value < 0 ? -1 : 0
                default: sign += value
                }
            }
            var (mixed, divisor) = (Float(0), Float(0))
            for (value, weight) in zip(column, weights) {
                let voter = rule.vote == CK_VOTE_WEIGHTED ? value * weight : value
                guard rule.vote == CK_VOTE_NONE || (sign >= 0 ? voter > 0 : voter < 0) else { continue }
                mixed += value * weight
                divisor += rule.divisor == CK_DIVIDE_COUNT ? 1 : weight
            }
            switch rule.divisor {
            case CK_DIVIDE_WEIGHTS: mixed /= divisor == 0 ? 1 : divisor
            case CK_DIVIDE_COUNT: mixed /= max(divisor, 1)
            case CK_DIVIDE_WEIGHTS_FROM: mixed /= max(divisor, rule.number)
            default: mixed /= rule.number
            }
            mixed *= rule.factor
            return base.map { $0[index] + mixed } ?? mixed
        }
    }

    @Test func votesFollowTheirFormula() {
        var numbers = Numbers(3)
        for count in Self.counts {
            let sources = 1 + count % 5
            let changes = (0..<sources).map { _ in Self.values(count, &numbers) }
            let weights = (0..<sources).map { _ in numbers.float() }
            let base: [Float]? = count % 2 == 0 || count == 0 ? nil : Self.values(count, &numbers)
            for vote in [CK_VOTE_NONE, CK_VOTE_WEIGHTED, CK_VOTE_TOTAL, CK_VOTE_FREQUENCY] {
                for (divisor, number) in [(CK_DIVIDE_CONSTANT, 1.5), (CK_DIVIDE_WEIGHTS, 1), (CK_DIVIDE_COUNT, 1), (CK_DIVIDE_WEIGHTS_FROM, 0.1)] {
                    let rule = ck_merge_rule(vote: vote, divisor: divisor, number: Float(number), factor: 0.7)
                    let expected = bits(Self.formula(changes, weights, rule, base: base, count: count))
                    for name in implementations {
                        let found = Self.voted(changes, weights, rule, base: base, count: count, kernels(name).merge)
                        #expect(bits(found) == expected, "\(name), \(count) elements of \(sources), \(vote), \(divisor)")
                    }
                }
            }
        }
    }

    @Test func manyChangesAreSummedBySixteens() {
        var numbers = Numbers(4)
        let changes = (0..<37).map { _ in numbers.floats(5) }
        let weights = numbers.floats(37)
        let expected = (0..<5).map { index in
            let products = zip(changes, weights).map { $0[index] * $1 }
            let groups = stride(from: 0, to: 32, by: 16).map { products[$0..<$0 + 16].reduce(0, +) }
            return products[32...].reduce(0, +) + groups.reduce(0, +)
        }
        let rule = ck_merge_rule(vote: CK_VOTE_NONE, divisor: CK_DIVIDE_CONSTANT, number: 1, factor: 1)
        for name in implementations {
            #expect(bits(Self.voted(changes, weights, rule, base: nil, count: 5, kernels(name).merge)) == bits(expected), "\(name)")
        }
    }

    @Test func sumsAndDifferencesFollowTheirFormulas() {
        var numbers = Numbers(5)
        for count in Self.counts {
            let (x, y) = (unaligned(numbers.floats(count)), unaligned(numbers.floats(count)))
            let factor = numbers.float()
            for name in implementations {
                let merge = kernels(name).merge
                var (difference, sum) = (y, y)
                x.withUnsafeBufferPointer { x in
                    difference.withUnsafeMutableBufferPointer { merge.subtract(x.baseAddress! + 1, $0.baseAddress! + 1, count) }
                    sum.withUnsafeMutableBufferPointer { merge.add_product(x.baseAddress! + 1, factor, $0.baseAddress! + 1, count) }
                }
                #expect(bits(Array(difference.dropFirst())) == bits(zip(y, x).dropFirst().map { $0 - $1 }), "\(name), \(count)")
                #expect(bits(Array(sum.dropFirst())) == bits(zip(y, x).dropFirst().map { $0.addingProduct($1, factor) }), "\(name), \(count)")
            }
        }
    }

    @Test func combinationsAreRoundedOnce() {
        var numbers = Numbers(6)
        for count in Self.counts where count > 0 {
            let sources = (0..<3).map { _ in numbers.floats(count) }
            let factors = [0.3, -1.7, 1e-3]
            let expected = (0..<count).map { index in Float((0..<3).reduce(0.0) { $0 + factors[$1] * Double(sources[$1][index]) }) }
            let variances = (0..<count).map { index in
                var (mean, squares) = (0.0, 0.0)
                for (place, source) in sources.enumerated() {
                    let delta = Double(source[index]) - mean
                    mean += delta / Double(place + 1)
                    squares += delta * (Double(source[index]) - mean)
                }
                return Float(squares / 3)
            }
            for name in implementations {
                let merge = kernels(name).merge
                var (combined, variance) = ([Float](repeating: 0, count: count), [Float](repeating: 0, count: count))
                sources.flatMap(\.self).withUnsafeBufferPointer { flat in
                    let starts = (0..<3).map { Optional(flat.baseAddress! + $0 * count) }
                    merge.combine(starts, factors, 3, nil, count, &combined)
                    merge.variance(starts, 3, count, &variance)
                }
                #expect(bits(combined) == bits(expected), "\(name), \(count)")
                #expect(bits(variance) == bits(variances), "\(name), \(count)")
            }
        }
    }

    @Test func sumsDependOnPlacesAndNotOnCalls() {
        var numbers = Numbers(7)
        let (x, y) = (numbers.floats(500), numbers.floats(500))
        var (dots, magnitudes) = ([Double](repeating: 0, count: 16), [Double](repeating: 0, count: 16))
        for index in 0..<500 {
            dots[index % 16] += Double(x[index]) * Double(y[index])
            magnitudes[index % 16] += Double(abs(x[index]))
        }
        for name in implementations {
            let merge = kernels(name).merge
            for piece in [1, 7, 16, 33, 500] {
                var (foundDots, foundMagnitudes) = ([Double](repeating: 0, count: 16), [Double](repeating: 0, count: 16))
                for first in stride(from: 0, to: 500, by: piece) {
                    let count = min(piece, 500 - first)
                    x.withUnsafeBufferPointer { x in
                        y.withUnsafeBufferPointer { y in merge.dots(x.baseAddress! + first, y.baseAddress! + first, first, count, &foundDots) }
                        merge.magnitudes(x.baseAddress! + first, first, count, &foundMagnitudes)
                    }
                }
                #expect(foundDots.map(\.bitPattern) == dots.map(\.bitPattern), "\(name), pieces of \(piece)")
                #expect(foundMagnitudes.map(\.bitPattern) == magnitudes.map(\.bitPattern), "\(name), pieces of \(piece)")
            }
        }
    }

    @Test func magnitudesAreCountedByTheirHalves() {
        var numbers = Numbers(8)
        for count in Self.counts {
            let x = (0..<count).map { _ in numbers.bits() % 4 == 0 ? Float(bitPattern: 0x3f80_0000 | UInt32(numbers.bits() % 7)) : numbers.bits() % 5 == 0 ? 0 : numbers.float() }
            var (buckets, parts) = ([UInt32](repeating: 0, count: Int(CK_MERGE_BUCKETS)), [UInt32](repeating: 0, count: Int(CK_MERGE_PARTS)))
            for value in x {
                let magnitude = value.bitPattern & 0x7fff_ffff
                buckets[Int(magnitude >> 16)] += 1
                if magnitude >> 16 == 0x3f80 { parts[Int(magnitude & 0xffff)] += 1 }
            }
            for name in implementations {
                let merge = kernels(name).merge
                var (foundBuckets, foundParts) = ([UInt32](repeating: 0, count: buckets.count), [UInt32](repeating: 0, count: parts.count))
                merge.count_buckets(x, count, &foundBuckets)
                merge.count_parts(x, count, 0x3f80, &foundParts)
                #expect(foundBuckets == buckets && foundParts == parts, "\(name), \(count)")
                var zeros = [UInt32](repeating: 0, count: parts.count)
                merge.count_parts([0, -0.0, Float(bitPattern: 714)], 3, 0, &zeros)
                #expect(zeros.reduce(0, +) == 1, "zeros are not counted")
            }
        }
    }

    @Test func rangesKeepTheEqualsOfTheirPlaces() {
        var numbers = Numbers(9)
        for count in Self.counts {
            let x = Self.values(count, &numbers)
            let range = ck_merge_range(
                low: Int32(bitPattern: Float(0.25).bitPattern), high: Int32(bitPattern: Float(0.75).bitPattern), low_from: 2, low_to: 9, high_to: 4,
                low_seen: 1, high_seen: 0)
            var (low, high) = (1, 0)
            let expected = x.map { value in
                let size = abs(value)
                var keeps = size > 0.25 && size < 0.75
                if size == 0.25 { (keeps, low) = ((2..<9).contains(low), low + 1) }
                if size == 0.75 { (keeps, high) = (high < 4, high + 1) }
                return value * (keeps ? 1 : 0)
            }
            for name in implementations {
                var (found, state) = (x, range)
                kernels(name).merge.keep_range(&found, count, &state)
                #expect(bits(found) == bits(expected), "\(name), \(count)")
                #expect(state.low_seen == low && state.high_seen == high, "\(name), \(count)")
            }
        }
    }

    @Test func randomElementsDependOnTheirPlaces() {
        let x = [Float](repeating: -1, count: 300)
        let expected = (0..<300).map { ck_merge_random(42, UInt64($0)) < 0.3 ? Float(-1) : -0.0 }
        for name in implementations {
            var found = x
            for (first, count) in [(0, 17), (17, 100), (117, 183)] {
                found.withUnsafeMutableBufferPointer { kernels(name).merge.keep_random($0.baseAddress! + first, first, count, 0.3, 42) }
            }
            #expect(bits(found) == bits(expected), "\(name)")
        }
    }

    @Test func nonFiniteElementsAreCounted() {
        for count in Self.counts {
            var x = [Float](repeating: .greatestFiniteMagnitude, count: count)
            for index in stride(from: 0, to: count, by: 7) { x[index] = [.infinity, -.infinity, .nan][index % 3] }
            for name in implementations { #expect(kernels(name).merge.non_finite(x, count) == (count + 6) / 7, "\(name), \(count)") }
        }
    }
}
