/// The floors of docs/architecture.md. An arrow goes to a lower floor, apart from the few named in `sideways`.
enum Floors {
    static let number: [String: Int] = [
        "CKernels": 0, "COpenBLAS": 0, "CJansson": 0, "CUV": 0, "CSQLite": 0, "CAllocations": 0, "CMappings": 0, "CCounters": 0, "CConsole": 0, "CCurl": 0, "CCrypto": 0,
        "Tensors": 1, "JSON": 1, "SQLite": 1, "UV": 1, "Telemetry": 1, "Files": 1,
        "Weights": 2, "Tokenizers": 2, "ChatTemplates": 2, "Grammars": 2, "HTTP": 2, "Hub": 2, "Generation": 2, "MergeMethods": 2,
        "Models": 3, "Adapters": 3,
        "Inference": 4, "Embeddings": 4, "Routing": 4, "Serving": 4, "Upstreams": 4, "Tuning": 4, "Evaluation": 4, "Merging": 4, "Memory": 4,
        "OpenAIAPI": 5, "Gateway": 6, "lmoe": 7, "TestSupport": 8, "HubSupport": 8,
    ]

    /// Arrows that stay on one floor.
    static let sideways: [String: Set<String>] = [
        "Adapters": ["Models"], "Serving": ["Routing"], "UV": ["Files"], "Tensors": ["Files"], "Memory": ["Tuning", "Embeddings"],
        "Evaluation": ["Tuning"],
    ]

    /// On the map of the next half, and not written yet. Whoever writes one takes it off this list.
    static let planned: Set<String> = ["Upstreams"]

    /// What answers requests. Below `Gateway`, which puts them together, no module sees two.
    static let backends: Set<String> = ["Inference", "Upstreams", "Embeddings"]

    /// The test targets that do not have the name of a module.
    static let testsOfMany: Set<String> = ["ConformanceTests", "LayeringTests", "CommandTests"]

    /// Targets without tests of their own: libraries of the system, a counter of allocations for `lmoe bench`, the guard of
    /// mapped files (`TensorsTests`), the console's files (`OpenAIAPITests`), the executable (`CommandTests`), and what tests share.
    static let withoutTests: Set<String> = ["COpenBLAS", "CJansson", "CUV", "CSQLite", "CAllocations", "CMappings", "CCounters", "CConsole", "CCurl", "CCrypto", "lmoe", "TestSupport", "HubSupport"]

    /// The one Swift module that may import each C module.
    static let ownerOfC = [
        "CKernels": "Tensors", "COpenBLAS": "Tensors", "CJansson": "JSON", "CUV": "UV", "CSQLite": "SQLite", "CAllocations": "lmoe",
        "CMappings": "Tensors", "CCounters": "Tensors", "CConsole": "OpenAIAPI", "CCurl": "Hub", "CCrypto": "Hub",
    ]

    /// What reads or runs models: the front, routing and HTTP build and test without it.
    static let modelCode: Set<String> = ["Weights", "MergeMethods", "Models", "Adapters", "Inference", "Tuning", "Evaluation", "Merging", "Memory"]
    static let withoutModelCode = ["HTTP", "Routing", "Serving", "Upstreams", "OpenAIAPI", "Generation"]

    static func allows(_ from: String, _ to: String) -> Bool {
        guard let upper = number[from], let lower = number[to] else { return false }
        return lower < upper || sideways[from]?.contains(to) == true
    }
}
