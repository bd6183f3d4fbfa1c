/// Adapters' examples and one text in two dimensions, as the router tells them apart.
public struct RouteMap: Sendable {
    public struct Point: Sendable {
        public var x: Double
        public var y: Double
        public var text: String
    }

    public struct Group: Sendable {
        /// Nil: texts that no adapter should answer.
        public var adapter: String?
        /// At even strides where there are more.
        public var points: [Point]
        /// All that there are.
        public var count: Int
    }

    /// The decision's candidates, best first, and the texts for nobody last.
    public var groups: [Group]
    public var query: Point
    /// Its nearest examples, as positions in the groups.
    public var nearest: [(group: Int, point: Int)]

    /// Adapters that are drawn, and texts of each.
    static let most = (adapters: 8, texts: 150, nobody: 60)
}

extension Router {
    /// Draws a decision of this router; nil where nothing was compared. Errors: `embedderFailed`.
    public func map(of decision: RouteDecision) throws(RoutingError) -> RouteMap? {
        let index = current
        let entries = decision.candidates.prefix(RouteMap.most.adapters).compactMap { candidate in
            index.entries.first { $0.definition.adapter == candidate.adapter }
        }
        guard !entries.isEmpty else { return nil }
        let vectors = try unitVectors([decision.text])
        return RouteMap(query: decision.text, vector: vectors, entries: entries, nobody: index.nobody)
    }
}

extension RouteMap {
    /// - Parameters:
    ///   - vector: of the query, as long as those of the entries.
    ///   - entries: best first.
    init(query text: String, vector: [Float], entries: [RouteIndex.Entry], nobody: ExampleVectors?) {
        var rows: [[Float]] = []
        var classes: [Int] = []
        var groups: [Group] = []
        var similarities: [(group: Int, point: Int, similarity: Float)] = []
        func add(_ examples: ExampleVectors, _ adapter: String?, most: Int) {
            let count = examples.texts.count
            var points: [Point] = []
            for place in 0..<min(count, most) {
                let row = count > most ? place * count / most : place
                let own = examples.withRow(row) { Array($0) }
                rows.append(own)
                classes.append(groups.count)
                if adapter != nil { similarities.append((groups.count, points.count, Similarity.cosine(own, vector))) }
                points.append(Point(x: 0, y: 0, text: examples.texts[row]))
            }
            groups.append(Group(adapter: adapter, points: points, count: count))
        }
        for entry in entries { add(entry.examples, entry.definition.adapter, most: Self.most.texts) }
        if let nobody, !nobody.texts.isEmpty { add(nobody, nil, most: Self.most.nobody) }
        let plane = DiscriminantPlane(rows, classes: classes, classCount: groups.count)
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
        nearest = similarities.sorted { $0.similarity > $1.similarity }.prefix(5).map { ($0.group, $0.point) }
    }
}
