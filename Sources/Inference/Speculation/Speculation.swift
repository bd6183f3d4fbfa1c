/// Chooses how many draft tokens of each sequence a step verifies.
///
/// Throughput decides: `k` more rows are taken when the expected tokens a millisecond of the whole step rise. A step that is wide
/// already therefore takes none.
struct Speculation {
    /// Most tokens that one sequence verifies in a step.
    static let longest = 7
    /// The expected throughput must rise by this factor, since the expectation is not exact.
    private static let margin = 1.04

    let cost: StepTimeModel
    /// Rows that the step has room for.
    let capacity: Int
    private(set) var rows: Int
    private var tokens: Double

    /// - Parameter rows: of the step without speculation, a token each.
    init(cost: StepTimeModel, rows: Int, capacity: Int) {
        self.cost = cost
        self.capacity = capacity
        self.rows = rows
        tokens = Double(rows)
    }

    /// Rows for one sequence, which count from now on.
    ///
    /// - Parameters:
    ///   - acceptance: probability that a draft token is right when those before it are.
    ///   - room: most that the sequence can take.
    mutating func take(acceptance: Double, room: Int) -> Int {
        let p = min(max(acceptance, 0), 0.98)
        let now = tokens / cost.milliseconds(rows: rows)
        var best = (count: 0, value: now * Self.margin, gain: 0.0)
        var (gain, chance) = (0.0, 1.0)
        let most = min(Self.longest, room, capacity - rows)
        for count in stride(from: 1, through: most, by: 1) {
            chance *= p
            gain += chance
            let value = (tokens + gain) / cost.milliseconds(rows: rows + count)
            if value > best.value { best = (count, value, gain) }
        }
        rows += best.count
        tokens += best.gain
        return best.count
    }
}
