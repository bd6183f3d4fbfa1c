/// The projections that read the same input, as raw values.
enum FastPhase {
    static let queryKeyValue = Projection.query.rawValue..<Projection.output.rawValue
    static let output = Projection.output.rawValue..<Projection.gate.rawValue
    static let feedForward = Projection.gate.rawValue..<Projection.down.rawValue
    static let down = Projection.down.rawValue..<Projection.down.rawValue + 1
    static let all = [queryKeyValue, output, feedForward, down]

    static func of(_ projection: Int) -> Range<Int> {
        switch projection {
        case queryKeyValue: queryKeyValue
        case output: output
        case feedForward: feedForward
        default: down
        }
    }
}

extension Projection {
    /// The phase of its product.
    var phase: StepPhase {
        switch self {
        case .query, .key, .value: .queryKeyValue
        case .output: .output
        case .gate, .up: .gateUp
        case .down: .down
        }
    }

    /// Its number among the projections that read the same input.
    var placeInPhase: Int {
        switch self {
        case .query, .output, .gate, .down: 0
        case .key, .up: 1
        case .value: 2
        }
    }
}
