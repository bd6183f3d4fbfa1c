extension FixtureCase {
    /// Fixtures of what is not built yet.
    static let pending: Set<String> = [
        "embedding-gemma", "tokens-gemma", "saved-both-gemma", "dora-gemma",
        "embedding", "embedding-tied", "embedding-rslora", "head", "head-tied", "embedding-and-head", "embedding-and-head-copies",
        "saved-head", "saved-head-tied", "saved-embedding", "saved-embedding-tied", "saved-both", "saved-both-tied",
        "tokens", "tokens-tied", "tokens-named", "tokens-both", "tokens-alone", "tokens-alone-tied", "bias-lora-only", "bias-all",
        "dora-embedding", "dora-head",
        "mixlora", "mixlora-biases", "mixlora-dynamic", "mixlora-dynamic-temperature", "mixlora-expert-lora", "mixlora-legacy",
        "mixlora-no-attention", "mixlora-some", "mixlora-up-only", "mixlora-dora", "mola", "mola-biases", "mola-layers",
        "loramoe", "loramoe-biases",
    ]
}

extension RealBase {
    static let pending: Set<String> = [
        "embedding-and-head", "saved-head", "tokens", "tokens-alone", "mixlora", "mixlora-dynamic", "mola", "loramoe",
    ]
}
