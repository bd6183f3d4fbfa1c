/// The order in which a run visits its examples: each epoch visits all of them once, in an order of its own that depends on the seed and
/// the epoch's number only. So a resumed run goes on where the first one stopped, without state but a `DataCursor`.
public struct ExampleOrder: Sendable, Equatable {
    public let count: Int
    public let seed: UInt64

    public init(count: Int, seed: UInt64) {
        precondition(count >= 0, "a data set of \(count) examples")
        self.count = count
        self.seed = seed
    }

    /// The examples of one epoch, the first of which is 0. Cost: `O(count)`.
    public func examples(ofEpoch epoch: Int) -> [Int] {
        var permutation = Permutation(seed: seed, stream: UInt64(truncatingIfNeeded: epoch))
        return permutation.order(count)
    }
}

/// A place in a run's data: how many epochs are over, and how many examples of this one.
public struct DataCursor: Sendable, Hashable {
    public var epoch: Int
    /// From 0 to the number of examples less one.
    public var position: Int

    public init(epoch: Int = 0, position: Int = 0) {
        self.epoch = epoch
        self.position = position
    }
}

/// Goes through the examples of a run, without an end.
public struct ExampleReader: Sendable {
    public let order: ExampleOrder
    /// Of the example that `next` gives. Stored in a checkpoint, it resumes the run.
    public private(set) var cursor: DataCursor
    private var epoch: [Int]

    /// Errors: `nothingToTrain` for no examples, `invalidSetting` for a cursor that is in no epoch of so many examples: the data are not
    /// those that the cursor was stored with.
    public init(_ order: ExampleOrder, from cursor: DataCursor = DataCursor()) throws(TuningError) {
        guard order.count > 0 else { throw TuningError(.nothingToTrain, "there are no examples") }
        guard cursor.epoch >= 0, (0..<order.count).contains(cursor.position) else {
            throw TuningError(
                .invalidSetting,
                "expected a place among \(order.count) examples, found epoch \(cursor.epoch), example \(cursor.position)",
                field: "cursor")
        }
        self.order = order
        self.cursor = cursor
        epoch = order.examples(ofEpoch: cursor.epoch)
    }

    /// Goes on at another place, which is one of the run's. Cost: `O(count)`.
    mutating func move(to cursor: DataCursor) {
        precondition(cursor.epoch >= 0 && (0..<order.count).contains(cursor.position), "a cursor of another data set")
        self.cursor = cursor
        epoch = order.examples(ofEpoch: cursor.epoch)
    }

    /// Cost: `O(1)`, and `O(count)` at the end of an epoch.
    public mutating func next() -> Int {
        let example = epoch[cursor.position]
        cursor.position += 1
        if cursor.position == order.count {
            cursor = DataCursor(epoch: cursor.epoch + 1)
            epoch = order.examples(ofEpoch: cursor.epoch)
        }
        return example
    }
}
