public import JSON

/// The losses of one task over its steps, for its model card and for curves. Bounded: of a long run neighbouring steps share a point.
public struct TuningHistory: Sendable, Equatable {
    public struct Point: Sendable, Equatable {
        /// Optimiser steps that were done, those of the point included.
        public var step: Int
        public var loss: Double
    }

    /// Points of either curve, at most.
    static let mostPoints = 2048

    public let task: String
    /// Each the mean of `stride` steps.
    public private(set) var training: [Point] = []
    public private(set) var heldOut: [Point] = []
    /// Of the base on the held-out examples, where it was measured.
    public var baseLoss: Double?
    public private(set) var stride = 1
    /// Losses of steps that make no whole point yet.
    private var open: [Double] = []

    public init(task: String) { self.task = task }

    /// Takes what a session tells of this task; other tasks' events are left out.
    public mutating func record(_ event: TuningEvent) {
        switch event {
        case .step(let report) where report.task == task: add(report.loss, report.step)
        case .evaluation(let report) where report.task == task:
            heldOut.append(Point(step: report.step, loss: report.loss))
            if heldOut.count > Self.mostPoints { heldOut = heldOut.indices.filter { $0 % 2 == 0 }.map { heldOut[$0] } }
        default: break
        }
    }

    private mutating func add(_ loss: Double, _ step: Int) {
        open.append(loss)
        guard open.count >= stride else { return }
        training.append(Point(step: step, loss: open.reduce(0, +) / Double(open.count)))
        open = []
        guard training.count > Self.mostPoints else { return }
        training = Swift.stride(from: 0, to: training.count - 1, by: 2).map { index in
            Point(step: training[index + 1].step, loss: (training[index].loss + training[index + 1].loss) / 2)
        }
        stride *= 2
    }

    // MARK: In checkpoints and in tuning.json

    public var document: JSONObject {
        [
            "training": .array(training.map(Self.value)), "held_out": .array(heldOut.map(Self.value)), "base_held_out": .optional(baseLoss),
            "stride": .count(stride), "open": .array(open.map(JSONValue.number)),
        ]
    }

    private static func value(_ point: Point) -> JSONValue { [.count(point.step), .number(point.loss)] }

    /// Errors: `malformed` for a document that `document` does not give. A loss that was not finite is read as NaN.
    public init(task: String, _ document: JSONObject) throws(TuningError) {
        self.task = task
        let cursor = JSONCursor(.object(document), path: "history")
        do throws(JSONError) {
            training = try Self.points(cursor["training"])
            heldOut = try Self.points(cursor["held_out"])
            baseLoss = try cursor["base_held_out"].optionalDouble()
            stride = try cursor["stride"].int(in: 1...(1 << 40))
            let losses = try cursor["open"].array()
            guard losses.count < stride else { throw cursor["open"].invalid("more losses than a point has") }
            for loss in losses { open.append(try loss.optionalDouble() ?? .nan) }
        } catch {
            throw TuningError(.malformed, error.message, field: error.path)
        }
    }

    private static func points(_ cursor: JSONCursor) throws(JSONError) -> [Point] {
        var points: [Point] = []
        for pair in try cursor.array() { points.append(Point(step: try pair[0].int(), loss: try pair[1].optionalDouble() ?? .nan)) }
        guard points.count <= mostPoints + 1 else { throw cursor.invalid("more than \(mostPoints) points") }
        return points
    }
}
