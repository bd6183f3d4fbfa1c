/// The time of a step by its number of rows, learnt from the steps that were run.
///
/// The product of three factors: a curve for a common machine, how slow this machine has been lately (other work and longer contexts
/// slow all steps alike), and a correction for this number of rows.
struct StepTimeModel {
    private static let rows = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512]
    /// Weight of a new measurement.
    private static let pace = 0.2

    private let curve: [Double]
    /// At `rows`: measured over expected of steps of about that many.
    private var shape: [Double]
    private var slowness = 1.0

    /// Milliseconds: a step reads the weights once, which costs `base`, and each row adds to it.
    init(base: Double, row: Double) {
        curve = Self.rows.map { base + row * Double($0) }
        shape = Self.rows.map { _ in 1 }
    }

    /// A step in which each row gives a token.
    static let decode = StepTimeModel(base: 1.9, row: 0.33)
    /// A step that reads prompts.
    static let prefill = StepTimeModel(base: 2, row: 0.23)

    /// A step that something else held up counts as twice the expected at most.
    mutating func note(rows: Int, milliseconds: Double) {
        let found = min(max(milliseconds / self.milliseconds(rows: rows), 0.5), 2)
        // The times change faster than the shape of the curve.
        slowness *= 1 + Self.pace * (found - 1)
        let place = Self.place(rows)
        shape[place] *= 1 + Self.pace / 2 * (found - 1)
    }

    func milliseconds(rows: Int) -> Double {
        let place = Self.place(rows)
        let low = curve[place] * shape[place] * slowness
        guard place + 1 < curve.count else { return low * Double(rows) / Double(Self.rows[place]) }
        let high = curve[place + 1] * shape[place + 1] * slowness
        return low + (high - low) * Double(rows - Self.rows[place]) / Double(Self.rows[place + 1] - Self.rows[place])
    }

    /// Rows up to which a step takes no longer than that; at least `least`.
    func rows(within milliseconds: Double, least: Int, most: Int) -> Int {
        var rows = least
        while rows < most, self.milliseconds(rows: rows + 1) <= milliseconds { rows += 1 }
        return rows
    }

    /// The nearest of `rows` that is not larger.
    private static func place(_ rows: Int) -> Int { Self.rows.lastIndex { $0 <= rows } ?? 0 }
}
