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
    /// - Parameters:
    ///   - isAllowed: by position in `entries`.
    ///   - exclude: an example that must not find itself (leave-one-out).
    func search(
        _ query: UnsafeBufferPointer<Float>, where isAllowed: (Int) -> Bool = { _ in true },
        excluding exclude: (entry: Int, example: Int)? = nil
    ) -> [Hit] {
        var hits: [Hit] = []
        hits.reserveCapacity(entries.count)
        for (position, entry) in entries.enumerated() where isAllowed(position) {
            let skip = exclude?.entry == position ? exclude?.example : nil
            let nearest = nearest(entry.examples.similarities(to: query), skipping: skip)
            guard !nearest.isEmpty else { continue }
            let score = nearest.reduce(Float(0)) { $0 + $1.similarity } / Float(nearest.count)
            hits.append(Hit(entry: position, score: score, nearest: nearest))
        }
        return hits.sorted { ($0.score, $1.entry) > ($1.score, $0.entry) }
    }

    /// The k largest, largest first; ties keep the order of the file.
    private func nearest(_ similarities: [Float], skipping: Int?) -> [(example: Int, similarity: Float)] {
        var best: [(example: Int, similarity: Float)] = []
        best.reserveCapacity(neighbours + 1)
        for (example, similarity) in similarities.enumerated() where example != skipping {
            if best.count == neighbours, similarity <= best[neighbours - 1].similarity { continue }
            var position = best.count
            while position > 0 && best[position - 1].similarity < similarity { position -= 1 }
            best.insert((example, similarity), at: position)
            if best.count > neighbours { best.removeLast() }
        }
        return best
    }
}
