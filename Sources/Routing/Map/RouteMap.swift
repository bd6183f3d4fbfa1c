public import Generation

/// Adapters' examples and one text in two dimensions.
public struct RouteMap: Sendable {
    public struct Point: Sendable {
        public var x: Double
        public var y: Double
        public var text: String
    }

    public struct Group: Sendable {
        /// Nil: texts that no adapter should answer.
        public var adapter: String?
        /// A sample where there are too many: the query's nearest, and others at even strides.
        public var points: [Point]
        /// How many there are in all.
        public var count: Int
    }

    /// The decision's candidates, best first, and the out-of-scope texts last.
    public var groups: [Group]
    public var query: Point
    /// Its nearest examples, as positions in the groups.
    public var nearest: [(group: Int, point: Int)]

    /// The weight of candidates from the third on, relative to the best two and the out-of-scope texts, between which the decision is made.
    /// Of 247 texts that are no examples, 98 % lie nearest to their own of these three means; with equal weights 92 %.
    private static let weightOfOthers = 0.3
    /// How many adapters are drawn, and texts of each.
    static let most = (adapters: 8, texts: 150, outOfScope: 60)
}

extension Router {
    /// The map of a decision of this router; nil where nothing was compared. Errors: `embedderFailed`.
    public func map(of decision: RouteDecision) throws(RoutingError) -> RouteMap? {
        let index = current
        let entries = decision.candidates.prefix(RouteMap.most.adapters).compactMap { candidate in
            index.position(of: candidate.adapter).map { index.entries[$0] }
        }
        guard !entries.isEmpty else { return nil }
        let vectors = try unitVectors([decision.text])
        return RouteMap(query: decision.text, vector: vectors, entries: entries, outOfScope: index.outOfScope)
    }
}

extension RouteMap {
    /// - Parameters:
    ///   - vector: of the query, as long as those of the entries.
    ///   - entries: best first.
    init(query text: String, vector: [Float], entries: [RouteIndex.Entry], outOfScope: ExampleVectors?) {
        var rows: [[Float]] = []
        var classes: [Int] = []
        var groups: [Group] = []
        var places: [[Int]: Int] = [:]
        let near = Self.nearest(entries.map(\.examples), to: vector)
        func add(_ examples: ExampleVectors, _ adapter: String?, most: Int) {
            let count = examples.texts.count
            let wanted = adapter == nil ? [] : near.filter { $0.entry == groups.count }.map(\.row)
            var points: [Point] = []
            for row in Self.sample(most, of: count, with: wanted) {
                rows.append(examples.withRow(row) { Array($0) })
                classes.append(groups.count)
                places[[groups.count, row]] = points.count
                points.append(Point(x: 0, y: 0, text: examples.texts[row]))
            }
            groups.append(Group(adapter: adapter, points: points, count: count))
        }
        for entry in entries { add(entry.examples, entry.definition.adapter, most: Self.most.texts) }
        if let outOfScope, !outOfScope.texts.isEmpty { add(outOfScope, nil, most: Self.most.outOfScope) }
        let weights = groups.enumerated().map { $1.adapter == nil || $0 < 2 ? 1 : Self.weightOfOthers }
        let plane = DiscriminantPlane(rows, classes: classes, weights: weights)
        var place = 0
        for group in groups.indices {
            for point in groups[group].points.indices {
                (groups[group].points[point].x, groups[group].points[point].y) = plane.project(rows[place])
                place += 1
            }
        }
        let (x, y) = plane.project(vector)
        self.groups = groups
        query = Point(x: x, y: y, text: text)
        nearest = near.compactMap { found in places[[found.entry, found.row]].map { (found.entry, $0) } }
    }

    /// The five most similar of all examples, nearest first.
    private static func nearest(_ all: [ExampleVectors], to vector: [Float]) -> [(entry: Int, row: Int)] {
        var search = NearestExamples(5)
        let found = all.enumerated().flatMap { entry, examples in
            vector.withUnsafeBufferPointer { _ = search.score(examples, $0) }
            return search.best.map { (entry: entry, row: $0.example, similarity: $0.similarity) }
        }
        let best = found.sorted { ($0.similarity, $1.entry, $1.row) > ($1.similarity, $0.entry, $0.row) }
        return best.prefix(5).map { ($0.entry, $0.row) }
    }

    /// At most `most` of `count` rows, in order: the wanted ones, and others at even strides.
    private static func sample(_ most: Int, of count: Int, with wanted: [Int]) -> [Int] {
        guard count > most else { return Array(0..<count) }
        let others = max(most - wanted.count, 0)
        return Set((0..<others).map { $0 * count / others } + wanted).sorted()
    }
}
