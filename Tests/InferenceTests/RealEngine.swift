import Adapters
import Foundation
import Generation
import Models
import Tensors

@testable import Inference

/// The real base model and the adapters of the repository, opened once: loading is what costs.
struct RealEngine {
    static let shared = Result { try RealEngine() }

    let base: BaseModel
    let engine: Engine
    let store: AdapterStore

    init() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        base = try BaseModel.open("\(root)/models/base.gguf", pool: WorkerPool(threads: 2))
        store = AdapterStore(
            folder: "\(root)/adapters", base: base.decoder.configuration, budgetBytes: 64 << 20, element: .bf16)
        _ = store.rescan()
        engine = try Engine(base: base, store: store)
    }

    /// Another engine on the same base; several may run at once.
    func engine(_ change: (inout InferenceLimits) -> Void) throws -> Engine {
        var limits = InferenceLimits()
        change(&limits)
        return try Engine(base: base, store: store, limits: limits)
    }

    /// A chat request, greedy.
    static func request(
        _ text: String, adapter: String? = nil, maxTokens: Int? = 24, _ change: (inout GenerationRequest) -> Void = { _ in }
    ) -> GenerationRequest {
        var request = GenerationRequest(
            id: text, prompt: .chat([ChatMessage(role: "user", content: text)], tools: []), adapter: adapter,
            sampling: .greedy, maxTokens: maxTokens)
        change(&request)
        return request
    }
}
