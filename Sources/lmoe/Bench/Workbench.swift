import Adapters
import Foundation
import Gateway
import Generation
import Inference
import Models

/// A folder of made rank-16 adapters on disk, removed with this object, and an engine that serves them. What is measured with it is
/// the service's own path: files, store, engine.
///
/// One thread uses it.
final class Workbench {
    static let rank = 16
    let engine: Engine
    let library: AdapterLibrary
    let configuration: ServiceConfiguration
    let names: [String]
    private let folder: String

    /// Writes `count` adapters to the system's temporary folder, about 10 MB each for a model of 135 M parameters.
    init(_ configuration: ServiceConfiguration, base: BaseModel, count: Int) throws {
        let files = FileManager.default
        folder = files.temporaryDirectory.appendingPathComponent("lmoe-bench-\(UUID().uuidString)").path
        names = (0..<count).map { "made-\($0)" }
        var own = configuration
        own.adapters = folder
        own.routes = nil
        own.host = "127.0.0.1"
        own.port = 0
        own.apiKeyFile = nil
        own.limits.drainMilliseconds = 1_000
        // Made-up prompts fall into loops, which draft tokens would make look faster than they are.
        own.limits.engine.speculates = false
        self.configuration = own
        library = try own.openLibrary(for: base.weights, embedder: nil)
        engine = try own.openEngine(base, library: library)
        for (index, name) in names.enumerated() {
            try files.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
            let made = MadeAdapter(rank: Self.rank, seed: UInt64(1000 + index), for: base.decoder.configuration)
            try made.writeWeights(to: "\(folder)/\(name)")
            try Data(made.configuration.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)/adapter_config.json"))
        }
        let refresh = library.refresh()
        if let refused = refresh.changes.rejected.first {
            throw Failure(message: "an adapter made for measuring is refused: \(refused.value)")
        }
    }

    deinit {
        engine.stop()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Seconds from `submit` to the end of a request for `tokens` tokens; with one, that is the time to the first token.
    @discardableResult
    func generate(_ prompt: [Int32], adapter: String? = nil, tokens: Int) throws -> Double {
        let request = request(prompt, adapter: adapter, tokens: tokens)
        return try elapsed { _ = try Answer.run(request, on: engine, onText: { _ in }) }
    }

    /// Greedy, and as long as it is asked for.
    func request(_ prompt: [Int32], adapter: String? = nil, tokens: Int) -> GenerationRequest {
        GenerationRequest(
            id: "bench", prompt: .tokens(prompt), adapter: adapter, sampling: .greedy, maxTokens: tokens,
            ignoreEndOfSequence: true)
    }

    /// Token ids that no earlier prompt began with, so that no prefix is found in the cache.
    func freshPrompt(_ length: Int) -> [Int32] {
        prompts += 1
        var source = BitSource(state: UInt64(prompts))
        let vocabulary = UInt64(engine.base.decoder.configuration.vocabulary)
        return (0..<length).map { _ in Int32(source.next() % vocabulary) }
    }

    private var prompts = 0
}
