internal import Synchronization
internal import Tensors

/// Magnitudes at places of the sorted order, found without sorting: a pass counts the upper 16 bits of all, a second one the lower 16 bits of
/// those in the wanted buckets.
struct MagnitudeRanks {
    /// The magnitude at a place, counted from the smallest.
    struct Rank: Equatable {
        /// Of f32.
        var bits: Int32
        /// How many are smaller.
        var below: Int
        /// How many are equal, itself included.
        var equal: Int
        /// How many of those lie in the segments before each.
        var equalBefore: [Int]

        var value: Float { Float(bitPattern: UInt32(bits)) }
    }

    /// What fills `buffers[0..<streams]` of a block.
    typealias Fill = (MergeBlock) throws(MergeError) -> Void

    private let pass: MergePass
    private let streams: Int
    private let buffers: Int
    private let fill: Fill
    /// `[streams][Kernels.magnitudeBuckets]`
    private let counts: [[Int]]

    /// Takes the first pass.
    init(streams: Int, buffers: Int, pass: MergePass, fill: @escaping Fill) throws(MergeError) {
        self.pass = pass
        self.streams = streams
        self.buffers = buffers
        self.fill = fill
        let counters = Counters(pass.threads * streams, of: Kernels.magnitudeBuckets)
        try pass.run(buffers: buffers) { block throws(MergeError) in
            try fill(block)
            for stream in 0..<streams {
                Kernels.countBuckets(block.buffers[stream], count: block.count, into: counters[block.thread * streams + stream])
            }
        }
        counts = (0..<streams).map { stream in counters.sums((0..<pass.threads).map { $0 * streams + stream }) }
    }

    /// The ranks at the places of each stream, which lie in `0..<elements`. Takes the second pass, unless there are no places.
    func ranks(_ places: [[Int]]) throws(MergeError) -> [[Rank]] {
        let targets = places.enumerated().flatMap { stream, places in places.map { target(stream, $0) } }
        let parts = try parts(targets)
        var ranks = zip(targets, parts).map { target, parts in rank(target, parts) }.makeIterator()
        return places.map { $0.compactMap { _ in ranks.next() } }
    }

    private struct Target {
        let stream: Int
        let bucket: Int
        /// Elements of lower buckets.
        let below: Int
        /// The wanted place among those of the bucket.
        let place: Int
    }

    /// How often the lower halves of a bucket's magnitudes occur in a segment.
    private typealias Parts = [(part: UInt16, count: UInt32)]

    private func target(_ stream: Int, _ place: Int) -> Target {
        var (bucket, below) = (0, 0)
        let counts = counts[stream]
        while bucket < counts.count {
            if place < below + counts[bucket] { return Target(stream: stream, bucket: bucket, below: below, place: place - below) }
            below += counts[bucket]
            bucket += 1
        }
        preconditionFailure("place \(place) of \(below) magnitudes was asked for")
    }

    /// For each target, those of each segment.
    private func parts(_ targets: [Target]) throws(MergeError) -> [[Parts]] {
        guard !targets.isEmpty else { return [] }
        let counters = Counters(pass.threads * targets.count, of: Kernels.magnitudeParts)
        let found = Mutex([[Parts]](repeating: [Parts](repeating: [], count: pass.layout.segments), count: targets.count))
        try pass.run(buffers: buffers) { block throws(MergeError) in
            try fill(block)
            for (index, target) in targets.enumerated() {
                let counts = counters[block.thread * targets.count + index]
                Kernels.countParts(block.buffers[target.stream], count: block.count, bucket: target.bucket, into: counts)
                guard block.isLast else { continue }
                let parts = Self.takeParts(counts)
                found.withLock { $0[index][block.segment] = parts }
            }
        }
        return found.withLock { $0 }
    }

    /// Those that occur; the counts are 0 afterwards.
    private static func takeParts(_ counts: UnsafeMutablePointer<UInt32>) -> Parts {
        var parts: Parts = []
        var part = 0
        while part < Kernels.magnitudeParts {
            if counts[part] != 0 {
                parts.append((UInt16(part), counts[part]))
                counts[part] = 0
            }
            part += 1
        }
        return parts
    }

    /// How often a part occurs in the segments before each.
    private static func before(_ part: UInt16, _ segments: [Parts]) -> [Int] {
        var (before, all) = (0, [Int]())
        for parts in segments {
            all.append(before)
            before += parts.first { $0.part == part }.map { Int($0.count) } ?? 0
        }
        return all
    }

    private func rank(_ target: Target, _ segments: [Parts]) -> Rank {
        var totals = [Int](repeating: 0, count: Kernels.magnitudeParts)
        for parts in segments { for (part, count) in parts { totals[Int(part)] += Int(count) } }
        // Zeros are in no part. They come first, and where they lie does not matter: what is kept or dropped of them is zero.
        var below = counts[target.stream][target.bucket] - totals.reduce(0, +)
        if target.place < below {
            return Rank(bits: 0, below: 0, equal: below, equalBefore: [Int](repeating: 0, count: segments.count))
        }
        var part = 0
        while part < totals.count {
            guard target.place >= below + totals[part] else {
                return Rank(
                    bits: Int32(target.bucket << 16 | part), below: target.below + below, equal: totals[part],
                    equalBefore: Self.before(UInt16(part), segments))
            }
            below += totals[part]
            part += 1
        }
        preconditionFailure("a source changed between two passes")
    }
}

/// Rows of counters, zeroed. Threads use different rows.
private final class Counters {
    private let length: Int
    private let words: UnsafeMutablePointer<UInt32>

    init(_ rows: Int, of length: Int) {
        self.length = length
        words = .allocate(capacity: max(1, rows * length))
        words.initialize(repeating: 0, count: rows * length)
    }

    deinit { words.deallocate() }

    subscript(row: Int) -> UnsafeMutablePointer<UInt32> { words + row * length }

    /// Of the rows, each counter.
    func sums(_ rows: [Int]) -> [Int] {
        var sums = [Int](repeating: 0, count: length)
        for row in rows {
            let words = self[row]
            var index = 0
            while index < length {
                sums[index] += Int(words[index])
                index += 1
            }
        }
        return sums
    }
}
