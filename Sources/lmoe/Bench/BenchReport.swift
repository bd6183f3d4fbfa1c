import Inference

/// Everything that was measured; sections that were not are nil or empty.
struct BenchReport {
    let machine: Machine
    let base: BaseModel
    var latency: LatencyMeasure?
    var http: HTTPMeasure?
    var encoder: EncoderMeasure?
    var routing: RoutingMeasure?
    var prefill: [StepResult] = []
    var decode: [StepResult] = []
    var tuning: [TuningResult] = []
    var sharedCores: SharedCoresMeasure?
    var grammar: GrammarMeasure?
    var routingScale: [RoutingScale] = []
    /// In the order in which it grew.
    var memory: [ProcessMemory] = []

    /// The share of the memory's bandwidth that a step's bytes take.
    func bandwidthShare(_ result: StepResult) -> Double {
        Double(result.cost.bytes) / result.seconds / machine.bandwidth
    }

    /// The share of the peak that a step's operations take, each kind against its own.
    func computeShare(_ result: StepResult) -> Double {
        let least = Double(result.cost.int8Operations) / machine.int8Rate + Double(result.cost.f32Operations) / machine.f32Rate
        return least / result.seconds
    }

    /// Seconds that bytes and operations predict, phase by phase.
    func predicted(_ result: StepResult) -> Double {
        result.cost.seconds(bandwidth: machine.bandwidth, int8Rate: machine.int8Rate, f32Rate: machine.f32Rate)
    }

    /// A step cannot read faster than memory gives: such a figure says that other processes disturbed the measurement of one of both.
    var isDisturbed: Bool { decode.contains { bandwidthShare($0) > 1 } }
}
