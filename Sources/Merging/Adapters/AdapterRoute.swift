/// What the router is told of an adapter that is written: its `route.yaml`.
public struct AdapterRoute: Sendable, Equatable {
    public var description: String
    public var examples: [String]

    /// Of one merged adapter; more would only repeat what the others say.
    public static let mostExamples = 400

    public init(description: String, examples: [String] = []) {
        (self.description, self.examples) = (description, examples)
    }

    /// Those of several adapters as one: all descriptions, and of each adapter's examples as many as of the others' while there is room, each
    /// once.
    public static func joined(_ routes: [AdapterRoute]) -> AdapterRoute {
        var seen: Set<String> = []
        var examples: [String] = []
        for place in 0..<(routes.map(\.examples.count).max() ?? 0) {
            for route in routes where place < route.examples.count && examples.count < mostExamples {
                if seen.insert(route.examples[place]).inserted { examples.append(route.examples[place]) }
            }
        }
        let descriptions = routes.map(\.description).filter { !$0.isEmpty }
        return AdapterRoute(description: descriptions.joined(separator: " "), examples: examples)
    }
}
