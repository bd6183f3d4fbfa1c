public import JSON

/// What happened in a job.
public struct FineTuningEvent: Sendable, Equatable {
    public enum Level: String, Sendable { case info, warn, error }
    public enum Kind: String, Sendable { case message, metrics }

    /// `ftevent-…`
    public var id: String
    /// Unix seconds.
    public var createdAt: Int
    public var level: Level
    public var message: String
    public var kind: Kind
    /// Figures of a step, by name.
    public var data: JSONObject

    public init(
        id: String, createdAt: Int, level: Level = .info, message: String, kind: Kind = .message, data: JSONObject = [:]
    ) {
        self.id = id
        self.createdAt = createdAt
        self.level = level
        self.message = message
        self.kind = kind
        self.data = data
    }
}

/// A point of a run to which it can go back after an interruption, or whose parameters the adapter has.
public struct FineTuningCheckpoint: Sendable, Equatable {
    /// `ftckpt_…`
    public var id: String
    /// Unix seconds.
    public var createdAt: Int
    public var step: Int
    /// The finished adapter has its parameters.
    public var isResult: Bool
    public var trainingLoss: Double?
    /// Of all held-out rows, at the last measurement.
    public var heldOutLoss: Double?

    public init(
        id: String, createdAt: Int, step: Int, isResult: Bool = false, trainingLoss: Double? = nil, heldOutLoss: Double? = nil
    ) {
        self.id = id
        self.createdAt = createdAt
        self.step = step
        self.isResult = isResult
        self.trainingLoss = trainingLoss
        self.heldOutLoss = heldOutLoss
    }
}

/// A part of a list.
public struct FineTuningPage<Element: Sendable>: Sendable {
    public var elements: [Element]
    /// More follow behind the last one.
    public var hasMore: Bool

    public init(_ elements: [Element], hasMore: Bool) {
        self.elements = elements
        self.hasMore = hasMore
    }
}
