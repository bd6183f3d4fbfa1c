/// The vectors of all routable adapters and the calibration that was fitted to them; immutable.
struct RouteIndex: Sendable {
    struct Entry: Sendable {
        var definition: RouteDefinition
        var examples: ExampleVectors
    }

    struct Hit: Sendable {
        /// Position in `entries`.
        var entry: Int
        var score: Float
        /// Positions of the nearest examples, nearest first, with their similarities.
        var nearest: [(example: Int, similarity: Float)]
    }

    let entries: [Entry]
    let neighbours: Int

    /// Every allowed adapter's mean similarity over its k nearest examples, best first. `O(examples * dimension)`.
    ///
    /// - Parameter isAllowed: by position in `entries`.
    func search(_ query: UnsafeBufferPointer<Float>, where isAllowed: (Int) -> Bool = { _ in true }) -> [Hit] {
        var hits: [Hit] = []
        hits.reserveCapacity(entries.count)
        var nearest = NearestExamples(neighbours)
        for (position, entry) in entries.enumerated() where isAllowed(position) {
            guard let score = nearest.score(entry.examples, query) else { continue }
            hits.append(Hit(entry: position, score: score, nearest: nearest.best))
        }
        return hits.sorted { ($0.score, $1.entry) > ($1.score, $0.entry) }
    }
}

/// Finds the k most similar examples of one adapter after another, in memory that it keeps.
struct NearestExamples {
    /// Of the last adapter, nearest first; ties keep the order of the file.
    private(set) var best: [(example: Int, similarity: Float)] = []
    private let neighbours: Int
    private var similarities: [Float] = []

    init(_ neighbours: Int) {
        self.neighbours = neighbours
        best.reserveCapacity(neighbours + 1)
    }

    /// The mean similarity of the nearest, without the example `skipped` (leave-one-out); nil when there is no other.
    mutating func score(_ examples: ExampleVectors, _ query: UnsafeBufferPointer<Float>, skipping skipped: Int? = nil) -> Float? {
        if similarities.count < examples.texts.count { similarities = .init(repeating: 0, count: examples.texts.count) }
        best.removeAll(keepingCapacity: true)
        let count = examples.texts.count
        let neighbours = neighbours
        similarities.withUnsafeMutableBufferPointer { all in
            let own = UnsafeMutableBufferPointer(rebasing: all[..<count])
            examples.similarities(to: query, into: own)
            for example in 0..<count where example != skipped {
                let similarity = own[example]
                if best.count == neighbours, similarity <= best[neighbours - 1].similarity { continue }
                var position = best.count
                while position > 0 && best[position - 1].similarity < similarity { position -= 1 }
                best.insert((example, similarity), at: position)
                if best.count > neighbours { best.removeLast() }
            }
        }
        guard !best.isEmpty else { return nil }
        return best.reduce(Float(0)) { $0 + $1.similarity } / Float(best.count)
    }
}
