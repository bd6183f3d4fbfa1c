internal import CKernels

extension Kernels {
    /// How the changes of several models become one. See `vote`.
    public struct MergeRule: Sendable, Equatable {
        /// Whose changes count at an element.
        public enum Vote: Sendable {
            case everyone
            /// Those with the sign of the sum of weighted changes.
            case weighted
            /// Those with the sign of the sum of the changes.
            case total
            /// Those with the sign of the sum of the changes' signs.
            case frequency
        }

        public enum Divisor: Sendable, Equatable {
            case constant(Float)
            /// The sum of the weights that count, 1 where it is 0.
            case weights
            /// The number of changes that count, at least 1.
            case count
            /// The sum of the weights that count, at least this.
            case weightsAtLeast(Float)
        }

        public var vote: Vote
        public var divisor: Divisor
        /// Multiplies what the division gives.
        public var factor: Float

        public init(vote: Vote, divisor: Divisor = .constant(1), factor: Float = 1) {
            self.vote = vote
            self.divisor = divisor
            self.factor = factor
        }

        fileprivate var plain: ck_merge_rule {
            let vote =
                switch vote {
                case .everyone: CK_VOTE_NONE
                case .weighted: CK_VOTE_WEIGHTED
                case .total: CK_VOTE_TOTAL
                case .frequency: CK_VOTE_FREQUENCY
                }
            let (divisor, number): (ck_merge_divisor, Float) =
                switch divisor {
                case .constant(let number): (CK_DIVIDE_CONSTANT, number)
                case .weights: (CK_DIVIDE_WEIGHTS, 1)
                case .count: (CK_DIVIDE_COUNT, 1)
                case .weightsAtLeast(let number): (CK_DIVIDE_WEIGHTS_FROM, number)
                }
            return ck_merge_rule(vote: vote, divisor: divisor, number: number, factor: factor)
        }
    }

    /// The magnitudes that `keep` leaves as they are. Bounds are bits of f32.
    public struct MagnitudeRange: Sendable, Equatable {
        /// Magnitudes above it are in the range, and those of its equals with the places `lowFrom..<lowTo`; -1 for all.
        public var low: Int32 = -1
        /// Magnitudes below it are in the range, and the first `highTo` of its equals.
        public var high = Int32.max
        public var lowFrom = 0
        public var lowTo = 0
        public var highTo = 0
        /// Equals of the bounds before the next element. `keep` counts on.
        public var lowSeen = 0
        public var highSeen = 0

        public init() {}
    }

    /// Buckets of `countBuckets`, and parts of a bucket in `countParts`.
    public static let magnitudeBuckets = Int(CK_MERGE_BUCKETS)
    public static let magnitudeParts = Int(CK_MERGE_PARTS)
    /// Lanes of sums in f64.
    public static let sumLanes = 16

    /// `y[i] -= x[i]`
    public static func subtract(_ x: UnsafePointer<Float>, from y: UnsafeMutablePointer<Float>, count: Int) {
        table.pointee.merge.subtract(x, y, count)
    }

    /// `y[i] = x[i] * factor + y[i]`, rounded once.
    public static func addProduct(_ x: UnsafePointer<Float>, _ factor: Float, to y: UnsafeMutablePointer<Float>, count: Int) {
        table.pointee.merge.add_product(x, factor, y, count)
    }

    /// `out[i] = base[i] + rule.factor * (sum over s of changes[s][i] * weights[s], where it counts) / divisor`. Sums are f32, in the order
    /// of the changes. `out` may be an input.
    public static func vote(
        _ changes: UnsafePointer<UnsafePointer<Float>?>, weights: UnsafePointer<Float>, changeCount: Int, rule: MergeRule,
        base: UnsafePointer<Float>?, count: Int, into out: UnsafeMutablePointer<Float>
    ) {
        var plain = rule.plain
        table.pointee.merge.vote(changes, weights, changeCount, &plain, base, count, out)
    }

    /// `out[i] = base[i] + sum over s of factors[s] * sources[s][i]`, the sum in f64. `out` may be an input.
    public static func combine(
        _ sources: UnsafePointer<UnsafePointer<Float>?>, factors: UnsafePointer<Double>, sourceCount: Int, base: UnsafePointer<Float>?,
        count: Int, into out: UnsafeMutablePointer<Float>
    ) {
        table.pointee.merge.combine(sources, factors, sourceCount, base, count, out)
    }

    /// Adds `x[i] * y[i]` to lane `(first + i) % sumLanes`.
    public static func addDots(
        _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, first: Int, count: Int, to sums: UnsafeMutablePointer<Double>
    ) {
        table.pointee.merge.dots(x, y, first, count, sums)
    }

    /// Adds `|x[i]|` to lane `(first + i) % sumLanes`.
    public static func addMagnitudes(_ x: UnsafePointer<Float>, first: Int, count: Int, to sums: UnsafeMutablePointer<Double>) {
        table.pointee.merge.magnitudes(x, first, count, sums)
    }

    /// Counts the upper 16 bits of magnitudes.
    public static func countBuckets(_ x: UnsafePointer<Float>, count: Int, into counts: UnsafeMutablePointer<UInt32>) {
        table.pointee.merge.count_buckets(x, count, counts)
    }

    /// Counts the lower 16 bits of the magnitudes of one bucket, zeros left out.
    public static func countParts(_ x: UnsafePointer<Float>, count: Int, bucket: Int, into counts: UnsafeMutablePointer<UInt32>) {
        table.pointee.merge.count_parts(x, count, UInt32(bucket), counts)
    }

    /// `x[i] *= 0` where its magnitude is outside the range.
    public static func keep(_ range: inout MagnitudeRange, of x: UnsafeMutablePointer<Float>, count: Int) {
        var plain = ck_merge_range(
            low: range.low, high: range.high, low_from: range.lowFrom, low_to: range.lowTo, high_to: range.highTo, low_seen: range.lowSeen,
            high_seen: range.highSeen)
        table.pointee.merge.keep_range(x, count, &plain)
        (range.lowSeen, range.highSeen) = (plain.low_seen, plain.high_seen)
    }

    /// `x[i] *= 0` with the probability `1 - density`, by `random(key, first + i)`.
    public static func keep(density: Double, key: UInt64, of x: UnsafeMutablePointer<Float>, first: Int, count: Int) {
        table.pointee.merge.keep_random(x, first, count, density, key)
    }

    /// The number in `0..<1` at a place of the sequence that a key names (SplitMix64).
    public static func random(_ key: UInt64, _ place: Int) -> Double { ck_merge_random(key, UInt64(place)) }

    /// `out[i]` is the variance of `sources[s][i]` over s. `out` may be a source.
    public static func variance(
        _ sources: UnsafePointer<UnsafePointer<Float>?>, sourceCount: Int, count: Int, into out: UnsafeMutablePointer<Float>
    ) {
        table.pointee.merge.variance(sources, sourceCount, count, out)
    }

    /// How many elements are infinite or NaN.
    public static func nonFinite(_ x: UnsafePointer<Float>, count: Int) -> Int { table.pointee.merge.non_finite(x, count) }
}
