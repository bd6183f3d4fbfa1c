/// The least that a step must read and compute. Its measured time is compared with it (a roofline).
///
/// Phases are those of a layer (query, key and value; attention; output; gate and up; down), layer by layer, and the head; before
/// them the embedding, where an adapter changes it. Weights, each different adapter and each sequence's keys and values are read once a
/// step; of a mixture as many experts as one row has at least. A multiply-add is two operations.
public struct ModelCost: Sendable, Equatable {
    public struct Phase: Sendable, Equatable {
        /// What adapters add is part of the phase that they act in.
        public let kind: StepPhase
        public var bytes = 0
        /// Products with the base's packed weights and with adapters in int8.
        public var int8Operations = 0
        /// Attention and low-rank products of other adapters.
        public var f32Operations = 0

        public init(_ kind: StepPhase, bytes: Int = 0, int8Operations: Int = 0, f32Operations: Int = 0) {
            self.kind = kind
            self.bytes = bytes
            self.int8Operations = int8Operations
            self.f32Operations = f32Operations
        }
    }

    public var phases: [Phase]

    public init(phases: [Phase]) { self.phases = phases }

    public var bytes: Int { phases.reduce(0) { $0 + $1.bytes } }
    public var int8Operations: Int { phases.reduce(0) { $0 + $1.int8Operations } }
    public var f32Operations: Int { phases.reduce(0) { $0 + $1.f32Operations } }

    /// Seconds on a machine that reads `bandwidth` bytes and computes so many operations a second: in each phase the longer of
    /// reading and computing, as they overlap.
    public func seconds(bandwidth: Double, int8Rate: Double, f32Rate: Double) -> Double {
        phases.reduce(0) { sum, phase in
            let reading = Double(phase.bytes) / bandwidth
            let computing = Double(phase.int8Operations) / int8Rate + Double(phase.f32Operations) / f32Rate
            return sum + max(reading, computing)
        }
    }
}
