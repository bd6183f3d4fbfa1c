extension FixtureCase {
    /// Fixtures of what is not built yet.
    static let pending: Set<String> = [
        "mixlora", "mixlora-biases", "mixlora-dynamic", "mixlora-dynamic-temperature", "mixlora-expert-lora", "mixlora-legacy",
        "mixlora-no-attention", "mixlora-some", "mixlora-up-only", "mixlora-dora", "mola", "mola-biases", "mola-layers",
        "loramoe", "loramoe-biases",
    ]
}

extension RealBase {
    static let pending: Set<String> = [
        "mixlora", "mixlora-dynamic", "mola", "loramoe",
    ]
}
