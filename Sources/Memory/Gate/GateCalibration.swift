/// Chooses a store's threshold from the store's own questions: how often one of them would open another fact, if it had not been told
/// (leave one out). A value, which grows and shrinks with the store.
///
/// A fact has a rivalry: the greatest score between its wordings and those of facts that were told before it (`MemoryGate.rivalry`). The
/// threshold is the least at which no more than `openShare` of the facts have a rivalry of as much. It is at least `least`, and at most
/// `most`, since in a store full of paraphrases of one question nothing would be answered otherwise.
///
/// When a fact is forgotten, its own rivalry goes with it. The rivalry that later facts have with it stays until they are told again:
/// the threshold is then a little too high, never too low.
public struct GateCalibration: Sendable, Equatable {
    /// From leaving out families of facts in scripts/memory/gate.py.
    public static let least: Float = GateWeights.threshold
    public static let most = least + 2
    static let openShare = 0.005
    /// Steps in a unit of the score.
    private static let steps: Float = 8

    /// Facts.
    public private(set) var count = 0
    /// Facts by the number of steps from `least` that their rivalry reaches, those of `most` and more in the last place.
    private var reached = [Int](repeating: 0, count: Int((most - least) * steps) + 1)

    public init() {}

    /// - Parameter rivalry: nil: no other fact is near.
    public mutating func insert(_ rivalry: Float?) {
        count += 1
        if let place = place(rivalry) { reached[place] += 1 }
    }

    /// With the rivalry that the fact was inserted with.
    public mutating func remove(_ rivalry: Float?) {
        precondition(count > 0, "a fact is removed that was not inserted")
        count -= 1
        if let place = place(rivalry) {
            precondition(reached[place] > 0, "a rivalry is removed that was not inserted")
            reached[place] -= 1
        }
    }

    private func place(_ rivalry: Float?) -> Int? {
        guard let rivalry, rivalry >= Self.least else { return nil }
        return min(Int((rivalry - Self.least) * Self.steps), reached.count - 1)
    }

    /// Cost: O(1).
    public var threshold: Float {
        var open = 0
        for place in reached.indices.reversed() {
            open += reached[place]
            if Double(open) > Self.openShare * Double(count) { return min(Self.least + Float(place + 1) / Self.steps, Self.most) }
        }
        return Self.least
    }
}
