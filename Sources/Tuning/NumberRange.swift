/// The numbers that a setting may have.
struct NumberRange: Sendable, Equatable {
    enum Edge: Sendable, Equatable {
        case included(Double)
        case excluded(Double)
    }

    let lower: Edge
    let upper: Edge

    init(_ lower: Edge, _ upper: Edge) {
        self.lower = lower
        self.upper = upper
    }

    /// NaN is in no range.
    func contains(_ value: Double) -> Bool {
        let isAboveLower =
            switch lower {
            case .included(let edge): value >= edge
            case .excluded(let edge): value > edge
            }
        let isBelowUpper =
            switch upper {
            case .included(let edge): value <= edge
            case .excluded(let edge): value < edge
            }
        return isAboveLower && isBelowUpper
    }

    /// Throws `invalidSetting` with the setting's name, its value and the range.
    func check(_ value: Double, _ setting: String) throws(TuningError) {
        guard contains(value) else {
            throw TuningError(.invalidSetting, "expected a number \(text), found \(NumberRange.text(value))", field: setting)
        }
    }

    /// Like `from 0 and less than 0.5`.
    var text: String {
        let from =
            switch lower {
            case .included(let edge): "from \(NumberRange.text(edge))"
            case .excluded(let edge): "more than \(NumberRange.text(edge))"
            }
        let to =
            switch upper {
            case .included(let edge): "at most \(NumberRange.text(edge))"
            case .excluded(let edge): "less than \(NumberRange.text(edge))"
            }
        return "\(from) and \(to)"
    }

    /// Whole numbers without a fraction.
    private static func text(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
    }
}
