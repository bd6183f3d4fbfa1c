public import Models
internal import Tensors

/// One kind of adapter. A family is a folder below `Families/` and one line in `AdapterRegistry.standard`.
///
/// It is strict: it notes a problem for every key, tensor or target that it would not honour.
public protocol AdapterFamily: Sendable {
    /// For people and for `/v1/adapters`: `lora`.
    var name: String { get }

    /// Whether an adapter with this configuration belongs to this family. At most one family recognises it.
    func recognises(_ manifest: AdapterManifest) -> Bool

    /// Reads the configuration and checks names, shapes and types against the base. Elements are not read: they may
    /// be zero, because only headers were loaded. Every problem is noted. The plan holds the usable parts; it is nil when the
    /// configuration itself is unusable.
    func plan(
        _ content: AdapterContent, for base: BaseModules, limits: AdapterLimits, problems: inout AdapterProblems
    ) -> (any AdapterPlan)?
}

/// What a family found in an adapter's files.
public protocol AdapterPlan: Sendable {
    var summary: AdapterSummary { get }

    /// Bytes that the delta will take.
    func byteCount(element: LowRank.Element) -> Int

    /// Reads the elements and makes the delta. Notes elements that cannot be read or are not finite, and a delta that would change
    /// nothing. Nil only with a problem. Cost: `O(parameters)`, on several threads.
    func delta(element: LowRank.Element, elements: AdapterElements, problems: inout AdapterProblems) -> AdapterDelta?

    /// What the adapter looks up for each request; nil, without a problem, for families whose delta is the same for all requests. Notes
    /// what `delta` notes.
    func retrieval(_ elements: AdapterElements, problems: inout AdapterProblems) -> (any DeltaRetrieval)?

    /// How much each target changes its projection. Cost: `O(parameters * rank)`.
    func effects() -> [AdapterEffect]
}

extension AdapterPlan {
    public func retrieval(_ elements: AdapterElements, problems: inout AdapterProblems) -> (any DeltaRetrieval)? { nil }
}

/// What an adapter is, in a few figures.
public struct AdapterSummary: Sendable, Equatable {
    public var family: String
    /// Smallest and greatest rank of its low-rank parts; nil without any.
    public var ranks: ClosedRange<Int>?
    public var alpha: Double?
    /// Smallest and greatest factor before `B A`.
    public var scales: ClosedRange<Double>?
    /// Short names of the projections that it changes in some layer: `q_proj`, … in the order of the model.
    public var targets: [String]
    /// Projections of all layers that it changes.
    public var patchCount: Int
    /// Elements of its tensors.
    public var parameters: Int
    /// What the configuration says it was trained on.
    public var baseModelName: String?
    /// Fewest and most experts of a router; nil: no routers.
    public var experts: ClosedRange<Int>?
    /// Remarks for a person about how it was read; they are no problems.
    public var notices: [String] = []

    public init(
        family: String, ranks: ClosedRange<Int>? = nil, alpha: Double? = nil, scales: ClosedRange<Double>? = nil,
        targets: [String] = [], patchCount: Int = 0, parameters: Int = 0, baseModelName: String? = nil
    ) {
        self.family = family
        self.ranks = ranks
        self.alpha = alpha
        self.scales = scales
        self.targets = targets
        self.patchCount = patchCount
        self.parameters = parameters
        self.baseModelName = baseModelName
    }
}

/// What one target does to its projection.
public struct AdapterEffect: Sendable, Equatable {
    /// `model.layers.3.self_attn.q_proj`
    public var module: String
    /// Nil for the embedding and the head.
    public var layer: Int?
    public var projection: Projection?
    public var rank: Int
    public var scale: Double
    /// Frobenius norm of the change of `W`, plus the norm of the bias.
    public var norm: Double
    /// `norm` divided by the Frobenius norm of `W`; nil when they were not compared.
    public var relative: Double?
}

/// Problems in the order in which they were found. The first `limit` are kept, all are counted.
public struct AdapterProblems: Sendable {
    public static let limit = 200

    public private(set) var errors: [AdapterError] = []
    public private(set) var count = 0

    public init() {}

    init(_ errors: [AdapterError]) {
        for error in errors { note(error) }
    }

    public var isEmpty: Bool { count == 0 }

    /// Replaces each error by what `words` makes of it.
    mutating func retell(_ words: (AdapterError) -> AdapterError) { errors = errors.map(words) }

    public mutating func note(_ error: AdapterError) {
        count += 1
        if errors.count < Self.limit { errors.append(error) }
    }

    /// Notes what `body` throws; nil then.
    public mutating func noting<Value>(_ body: () throws(AdapterError) -> Value) -> Value? {
        do throws(AdapterError) {
            return try body()
        } catch {
            note(error)
            return nil
        }
    }

    /// A block for the matrices of an adapter; nil, and noted, when the system has no memory for it.
    mutating func memory(_ byteCount: Int) -> MatrixMemory? {
        noting { () throws(AdapterError) in
            do throws(ResourceError) {
                return try MatrixMemory(byteCount: byteCount)
            } catch {
                throw AdapterError(.unavailable, error.message)
            }
        }
    }

    /// Throws the first, which says how many follow.
    func throwFirst() throws(AdapterError) {
        guard var first = errors.first else { return }
        if count > 1 { first.message += " (and \(count - 1) more; see `lmoe adapters check`)" }
        throw first
    }
}
