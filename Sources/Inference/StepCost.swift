/// What a step of so many rows costs, learnt from the steps that were run.
///
/// A curve for a common machine, bent by what is measured: near a measured number of rows that measurement counts, elsewhere
/// the curve times how much slower or faster than it this machine has been lately.
struct StepCost {
    private static let rows = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512]
    /// Weight of a new measurement.
    private static let pace = 0.125

    private let curve: [Double]
    /// Measured over expected; 0 where nothing was measured yet.
    private var ratios: [Double]
    private var ratio = 1.0

    /// Milliseconds: a step reads the weights once, which costs `base`, and each row adds to it.
    init(base: Double, row: Double) {
        curve = Self.rows.map { base + row * Double($0) }
        ratios = Self.rows.map { _ in 0 }
    }

    /// A step in which each row gives a token.
    static let decode = StepCost(base: 1.9, row: 0.33)
    /// A step that reads prompts.
    static let prefill = StepCost(base: 2, row: 0.23)

    /// A step that something else held up counts as three times the expected at most.
    mutating func note(rows: Int, milliseconds: Double) {
        let expected = at(rows, measured: false)
        let found = min(milliseconds / expected, 3 * max(ratio, 0.1))
        ratio += Self.pace * (found - ratio)
        let place = Self.place(rows)
        ratios[place] = ratios[place] == 0 ? (found + ratio) / 2 : ratios[place] + Self.pace * (found - ratios[place])
    }

    func milliseconds(rows: Int) -> Double { at(rows, measured: true) }

    /// The most rows that take no longer than that; at least `least`.
    func rows(within milliseconds: Double, least: Int, most: Int) -> Int {
        var (low, high) = (least, max(least, most))
        while low < high {
            let middle = (low + high + 1) / 2
            if self.milliseconds(rows: middle) <= milliseconds { low = middle } else { high = middle - 1 }
        }
        return low
    }

    /// The nearest of `rows` that is not larger.
    private static func place(_ rows: Int) -> Int { Self.rows.lastIndex { $0 <= rows } ?? 0 }

    private func at(_ rows: Int, measured: Bool) -> Double {
        let place = Self.place(rows)
        let next = min(place + 1, curve.count - 1)
        func point(_ index: Int) -> Double { curve[index] * (measured ? (ratios[index] == 0 ? ratio : ratios[index]) : 1) }
        guard next > place else { return point(place) * Double(rows) / Double(Self.rows[place]) }
        let share = Double(rows - Self.rows[place]) / Double(Self.rows[next] - Self.rows[place])
        return point(place) + share * (point(next) - point(place))
    }
}
