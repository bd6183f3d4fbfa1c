/// Which pairs of tokens merge into which token, and how early.
struct MergeTable: Sendable {
    /// One entry of `merge(of:with:)` in a word: rank first, so that the smaller one merges earlier.
    struct Merge: Sendable, Comparable {
        /// `rank << 32 | token`; all ones for a pair that does not merge.
        let packed: UInt64

        static let none = Merge(packed: .max)

        @inline(__always) var rank: UInt32 { UInt32(truncatingIfNeeded: packed >> 32) }
        @inline(__always) var token: Int32 { Int32(truncatingIfNeeded: packed) }
        @inline(__always) static func < (left: Merge, right: Merge) -> Bool { left.packed < right.packed }
    }

    private struct Slot {
        /// `left << 32 | right`; all ones when free (no token is negative).
        var pair: UInt64
        var merge: Merge
    }

    private let slots: [Slot]
    private let shift: UInt64
    private let multiplier: UInt64

    /// - Parameter merges: best first; the last of equal pairs counts.
    init(_ merges: [(left: Int32, right: Int32, token: Int32)]) {
        self.init(ranked: merges.enumerated().map { ($1.left, $1.right, $1.token, UInt32($0)) })
    }

    /// - Parameter merges: the lowest rank merges first, of equal ones the leftmost; the last of equal pairs counts.
    init(ranked merges: [(left: Int32, right: Int32, token: Int32, rank: UInt32)]) {
        var bits = 4
        while 1 << bits < merges.count + merges.count / 2 { bits += 1 }
        shift = UInt64(64 - bits)
        // Drawn a process, so that a stranger's merges cannot choose pairs that collide.
        multiplier = .random(in: 0 ... .max) | 1
        var slots = [Slot](repeating: Slot(pair: .max, merge: .none), count: 1 << bits)
        for merge in merges {
            let pair = Self.pair(merge.left, merge.right)
            var slot = Self.slot(of: pair, multiplier, shift)
            while slots[slot].pair != .max && slots[slot].pair != pair { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = Slot(
                pair: pair, merge: Merge(packed: UInt64(merge.rank) << 32 | UInt64(UInt32(bitPattern: merge.token))))
        }
        self.slots = slots
    }

    @inline(__always)
    func merge(of left: Int32, with right: Int32) -> Merge {
        let pair = Self.pair(left, right)
        var slot = Self.slot(of: pair, multiplier, shift)
        while true {
            let found = slots[slot]
            if found.pair == pair { return found.merge }
            if found.pair == .max { return .none }
            slot = (slot + 1) & (slots.count - 1)
        }
    }

    @inline(__always)
    private static func pair(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    @inline(__always)
    private static func slot(of pair: UInt64, _ multiplier: UInt64, _ shift: UInt64) -> Int {
        // The upper half is the left token: fold it in, or pairs of one left token would lie in a row.
        Int(truncatingIfNeeded: ((pair ^ pair >> 29) &* multiplier) >> shift)
    }
}
