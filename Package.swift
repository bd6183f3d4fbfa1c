// swift-tools-version: 6.2
import Foundation
import PackageDescription

// The floors of docs/architecture.md: a target may only depend on targets of lower floors. `swift test` reads this manifest back
// (LayeringTests) and fails on an upward arrow. A target whose folder is missing fails the build: that is SwiftPM's own error.

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/\(name)")
}

/// Every test target may use `TestSupport`. A `Fixtures` folder is read by path and is no resource.
func tests(_ module: String, _ more: [Target.Dependency] = []) -> Target {
    let folder = "Tests/\(module)Tests"
    let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("\(folder)/Fixtures")
    return .testTarget(
        name: "\(module)Tests", dependencies: [.init(stringLiteral: module), "TestSupport"] + more, path: folder,
        exclude: FileManager.default.fileExists(atPath: fixtures.path) ? ["Fixtures"] : [])
}

func system(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, path: "Sources/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")

let targets: [Target] = [
    // 0 C
    system("CUV", pkgConfig: "libuv", apt: "libuv1-dev"),
    system("CJansson", pkgConfig: "jansson", apt: "libjansson-dev"),
    system("CSQLite", pkgConfig: "sqlite3", apt: "libsqlite3-dev"),
    system("CCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
    system("CCrypto", pkgConfig: "libcrypto", apt: "libssl-dev"),
    system("COpenBLAS", pkgConfig: "openblas", apt: "libopenblas-dev"),
    .target(
        name: "CKernels", path: "Sources/CKernels",
        // Kernels are optimised in debug builds too: tests run real models.
        cSettings: [.unsafeFlags(["-O3", "-fno-math-errno", "-fno-trapping-math", "-std=gnu11"])]),
    .target(name: "CAllocations", path: "Sources/CAllocations"),
    .target(name: "CMappings", path: "Sources/CMappings"),
    .target(name: "CCounters", path: "Sources/CCounters"),
    // Its page's files become part of the program (`#embed`).
    .target(name: "CConsole", path: "Sources/CConsole", exclude: ["page"]),
    // 1 ground
    module("Tensors", ["CKernels", "COpenBLAS", "CMappings", "CCounters"]),
    module("JSON", ["CJansson"]),
    module("SQLite", ["CSQLite"]),
    module("UV", ["Files", "CUV"]),
    module("Telemetry", [logging]),
    module("Files"),
    // 2 formats
    module("Weights", ["Files", "Tensors", "JSON"]),
    module("Tokenizers", ["Files", "JSON"]),
    module("ChatTemplates", ["JSON"]),
    module("Grammars", ["JSON"]),
    module("HTTP", ["UV"]),
    module("Hub", ["Files", "JSON", "CCurl", "CCrypto"]),
    module("MergeMethods", ["Tensors"]),
    module("Generation", ["JSON"]),
    // 3 models
    module("Models", ["Files", "Tensors", "Weights", "Tokenizers", "JSON"]),
    module("Adapters", ["Files", "Models", "Tensors", "Weights", "Generation", "JSON"]),
    // 4 services
    module("Inference", ["Files", "Models", "Adapters", "Tensors", "Tokenizers", "ChatTemplates", "Grammars", "Generation", "JSON"]),
    module("Embeddings", ["Files", "Models", "Tensors", "Weights", "Tokenizers", "Generation", "JSON"]),
    module("Routing", ["Files", "Tensors", "JSON", "Generation", yams]),
    module(
        "Tuning",
        ["Files", "Models", "Adapters", "Weights", "Tensors", "Tokenizers", "ChatTemplates", "Generation", "JSON", "SQLite"]),
    module("Evaluation", ["Tuning", "Models", "Tensors", "SQLite"]),
    module("Merging", ["Files", "MergeMethods", "Adapters", "Models", "Weights", "Tensors", "Tokenizers", "Generation", "JSON", yams]),
    module("Memory", ["Files", "Models", "Adapters", "Embeddings", "Weights", "Tensors", "Tokenizers", "ChatTemplates", "Generation", "JSON"]),
    // Between services and front: the one place that chooses who answers.
    module("Serving", ["Routing", "Generation", "JSON"]),
    // 5 front
    module("OpenAIAPI", ["Serving", "HTTP", "UV", "JSON", "Generation", "CConsole"]),
    // 6 assembly
    module("Gateway", [
        "Files",
        "OpenAIAPI", "Serving", "Inference", "Embeddings", "Routing", "Tuning", "Memory", "Adapters", "Models", "Weights", "Tokenizers",
        "ChatTemplates", "HTTP", "UV", "JSON", "Telemetry", "Generation", "Tensors", yams, logging,
    ]),
    // 7 product
    .executableTarget(
        name: "lmoe",
        dependencies: [
            "Gateway", "Hub", "Serving", "Inference", "Embeddings", "Routing", "Tuning", "Memory", "Evaluation", "Merging", "MergeMethods", "Adapters", "Models", "Weights",
            "Tokenizers", "ChatTemplates", "Grammars", "JSON", "Telemetry", "Generation", "Tensors", "Files", "CAllocations", argumentParser, yams, logging,
        ], path: "Sources/lmoe"),
    // Tests
    .target(name: "TestSupport", dependencies: ["Generation"], path: "Tests/TestSupport"),
    // A server with the hub's protocol.
    .target(name: "HubSupport", dependencies: ["Hub"], path: "Tests/HubSupport"),
    tests("CKernels"), tests("Files"), tests("Tensors"), tests("JSON"), tests("SQLite"), tests("UV"), tests("Telemetry", [logging]),
    tests("Weights", ["Tensors", "JSON"]), tests("Tokenizers", ["JSON", "Weights", "Tensors"]), tests("ChatTemplates", ["JSON"]),
    tests("MergeMethods", ["Tensors", "Weights", "JSON"]),
    tests("Merging", ["Files", "MergeMethods", "Adapters", "Models", "Weights", "Tensors", "Tokenizers", "ChatTemplates", "Generation", "JSON"]),
    tests("Grammars", ["JSON"]), tests("HTTP", ["UV"]), tests("Hub", ["HubSupport", "JSON"]), tests("Generation", ["JSON"]),
    tests("Models", ["Weights", "Tensors", "JSON"]), tests("Adapters", ["Files", "Models", "Weights", "Tensors", "Generation", "JSON"]),
    // Every family against the packages that wrote its fixtures; of no module alone.
    .testTarget(
        name: "ConformanceTests", dependencies: ["Adapters", "Models", "Weights", "Tensors", "JSON", "TestSupport"],
        path: "Tests/ConformanceTests", exclude: ["Fixtures"]),
    tests("Inference", ["Models", "Adapters", "Embeddings", "Weights", "Tensors", "Tokenizers", "ChatTemplates", "Generation", "JSON"]),
    tests("Embeddings", ["Models", "Weights", "Tensors", "Tokenizers", "Generation", "JSON"]),
    tests("Routing", ["Generation", "JSON"]), tests("OpenAIAPI", ["Serving", "HTTP", "UV", "JSON", "Generation"]),
    tests("Tuning", ["Files", "Models", "Adapters", "Weights", "Tensors", "Tokenizers", "ChatTemplates", "Generation", "JSON"]),
    tests("Evaluation", ["Tuning", "SQLite", "Tokenizers", "ChatTemplates"]),
    tests("Memory", ["Files", "Models", "Adapters", "Embeddings", "Weights", "Tensors", "Tokenizers", "ChatTemplates", "Generation", "JSON"]),
    tests("Serving", ["Routing", "Generation", "JSON"]),
    tests("Gateway", [
        "Memory", "Embeddings", "Inference",
        "OpenAIAPI", "Serving", "HTTP", "UV", "JSON", "Generation", "Telemetry", "Adapters", "Models", "Routing", "Tuning", "Tensors", "Weights",
        logging,
    ]),
    .testTarget(name: "LayeringTests", path: "Tests/LayeringTests"),
    .testTarget(name: "CommandTests", dependencies: ["TestSupport", "HubSupport"], path: "Tests/CommandTests", exclude: ["Help"]),
]

let package = Package(
    name: "lmoe",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    ],
    targets: targets,
    swiftLanguageModes: [.v6]
)
