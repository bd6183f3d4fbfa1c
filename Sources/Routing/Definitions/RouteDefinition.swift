/// What the router knows of one adapter: the texts that it should answer, and its owner's and the operator's settings.
///
/// It is read from `route.yaml` in the adapter's folder, from an override in `routes/`, or from the files that airoboros and PEFT write;
/// see `RouteFiles`.
public struct RouteDefinition: Sendable, Equatable {
    /// The adapter's name.
    public var adapter: String
    public var description: String?
    /// Prompts that this adapter should answer, without duplicates, in the order of the file.
    public var examples: [String]
    /// The least probability at which the adapter is chosen; nil takes the policy's.
    public var threshold: Double?
    /// Between tied candidates, the higher one wins.
    public var priority: Int
    /// false: served by name, never chosen.
    public var isEnabled: Bool
    /// Which callers may use it, and how its requests are handled.
    public var handling: RouteHandling
    /// The files it was read from, for people: names joined by ` + `.
    public var source: String

    public init(
        adapter: String, description: String? = nil, examples: [String] = [], threshold: Double? = nil,
        priority: Int = 0, isEnabled: Bool = true, handling: RouteHandling = .init(), source: String = ""
    ) {
        self.adapter = adapter
        self.description = description
        self.examples = examples
        self.threshold = threshold
        self.priority = priority
        self.isEnabled = isEnabled
        self.handling = handling
        self.source = source
    }

    /// The texts that are indexed: the examples and the description, which is worth one of them.
    public var indexedTexts: [String] { examples + (description.map { examples.contains($0) ? [] : [$0] } ?? []) }
}

/// Bounds on routing data; each is an error that names the file.
public struct RoutingLimits: Sendable {
    /// Bytes of one routing file.
    public var fileBytes = 16 << 20
    /// Examples of one adapter.
    public var examplesPerAdapter = 5_000
    /// Bytes of one example that are indexed; the encoder reads far fewer.
    public var exampleBytes = 16 << 10
    /// Bytes of one text to route that are read.
    public var queryBytes = 32 << 10

    public init() {}
}
