/// The floors of docs/architecture.md. An arrow goes to a lower floor; the one exception is `Adapters -> Models`.
enum Floors {
    static let number: [String: Int] = [
        "CKernels": 0, "COpenBLAS": 0, "CJansson": 0, "CUV": 0, "CAllocations": 0,
        "Tensors": 1, "JSON": 1, "UV": 1, "Telemetry": 1,
        "Weights": 2, "Tokenizers": 2, "ChatTemplates": 2, "HTTP": 2, "Generation": 2,
        "Models": 3, "Adapters": 3,
        "Inference": 4, "Embeddings": 4, "Routing": 4, "Upstreams": 4, "Tuning": 4, "Merging": 4,
        "OpenAIAPI": 5, "Gateway": 6, "lmoe": 7,
    ]

    /// The one Swift module that may import each C module.
    static let ownerOfC = ["CKernels": "Tensors", "COpenBLAS": "Tensors", "CJansson": "JSON", "CUV": "UV", "CAllocations": "lmoe"]

    /// What reads or runs models: the front, routing and HTTP build and test without it.
    static let modelCode: Set<String> = ["Weights", "Models", "Adapters", "Inference", "Tuning", "Merging"]
    static let withoutModelCode = ["HTTP", "Routing", "Upstreams", "OpenAIAPI", "Generation"]

    static func allows(_ from: String, _ to: String) -> Bool {
        guard let upper = number[from], let lower = number[to] else { return false }
        return lower < upper || (from == "Adapters" && to == "Models")
    }
}
