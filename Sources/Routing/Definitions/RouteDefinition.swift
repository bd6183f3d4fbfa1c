/// What the router knows of one adapter: the texts it should answer and the operator's wishes.
///
/// It is read from `route.yaml` in the adapter's folder, from an override in `routes/`, or from the files that airoboros
/// and PEFT write; see `RouteFiles`.
public struct RouteDefinition: Sendable, Equatable {
    /// Name of the adapter's folder.
    public var adapter: String
    public var description: String?
    /// Prompts that this adapter should answer, without duplicates, in the order of the file.
    public var examples: [String]
    /// Least probability at which the adapter is chosen; nil takes the policy's.
    public var threshold: Double?
    /// Between candidates whose probabilities differ by less than the policy's tie margin, the higher one wins.
    public var priority: Int
    /// false: served by name, never chosen.
    public var isEnabled: Bool
    /// Who may use it, and how its requests go on.
    public var handling: RouteHandling
    /// Where it was read, for people: file names joined by ` + `.
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
    /// Examples of one adapter; the rest is left out and said.
    public var examplesPerAdapter = 5_000
    /// Bytes of one example; the encoder cuts far earlier.
    public var exampleBytes = 16 << 10
    /// Bytes of a text to route that are looked at.
    public var queryBytes = 32 << 10

    public init() {}
}
