import Foundation
import HTTP
import JSON
import OpenAIAPI
import Serving
import Synchronization
import TestSupport
import UV

@testable import Gateway

/// One service over the models and adapters of the repository, opened once for all tests, without sockets.
@LoopActor
final class RealService {
    nonisolated static let root = Checkout.path

    nonisolated static var isPresent: Bool {
        ["models/base.gguf", "models/encoder/config.json", "adapters/bash/adapter_model.safetensors"].allSatisfy {
            FileManager.default.fileExists(atPath: "\(root)/\($0)")
        }
    }

    struct Answer: Sendable {
        var status: Int
        var adapter: String?
        var route: String?
        var text: String

        var content: String {
            (try? JSONValue.parse(text))?["choices"]?[0]?["message"]?["content"]?.stringValue ?? ""
        }

        var events: [JSONValue] {
            text.components(separatedBy: "\n\n").compactMap { try? JSONValue.parse(String($0.dropFirst(6))) }
        }
    }

    private static var opened: RealService?
    private let api = APIService(APIConfiguration())
    let parts: ServiceParts

    static func shared() async throws -> RealService {
        if let opened { return opened }
        var configuration = ServiceConfiguration()
        configuration.base = "\(root)/models/base.gguf"
        configuration.encoder = "\(root)/models/encoder"
        configuration.adapters = "\(root)/adapters"
        configuration.routes = "\(root)/routes"
        // The repository's own, so that a test run leaves the user's cache alone.
        configuration.cache = "\(root)/.build/test-cache"
        let settings = configuration
        let parts = try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(
                    with: Result {
                        let parts = try settings.openParts()
                        parts.library.refresh()
                        return parts
                    })
            }
        }
        let service = RealService(parts)
        opened = service
        return service
    }

    private init(_ parts: ServiceParts) {
        self.parts = parts
        let queue = WorkQueue("test", capacity: 64, purpose: "to be routed")
        api.services = APIServices(
            serving: parts.library.serving(parts.backend, queue: queue),
            catalogue: LibraryCatalogue(
                library: parts.library, baseName: parts.backend.baseModelName,
                contextLength: parts.backend.contextLength, started: 0),
            adapters: LibraryAdministration(library: parts.library, imports: nil, queue: queue),
            embeddings: parts.embedder.map { QueuedEmbeddings(embedder: $0, queue: queue) })
    }

    func chat(_ text: String, _ fields: String) async -> Answer {
        let message = JSONValue.string(text).serialized()
        let body = "{\"messages\":[{\"role\":\"user\",\"content\":\(message)}],\(fields)}"
        let request = HTTPRequest(method: "POST", target: "/v1/chat/completions", body: Array(body.utf8))
        let recorder = await HTTPResponseRecorder.answer(request, by: api.handle)
        return Answer(
            status: recorder.status ?? 0, adapter: recorder.headers["x-lmoe-adapter"], route: recorder.headers["x-lmoe-route"],
            text: String(decoding: recorder.body, as: UTF8.self))
    }
}
