import Hub
import HubSupport
import Synchronization
import TestSupport

/// A hub with one repository, a cache in a temporary folder, and what a client tells. Waits are noted and take no time.
final class HubBench: Sendable {
    static let config = Array("{\"model_type\": \"llama\"}".utf8)
    /// A few pieces of what libcurl hands over.
    static let weights = (0..<700_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }

    let server: HubServer
    let folder: TemporaryFolder
    private let told = Mutex<(events: [HubEvent], waits: [Int])>(([], []))

    init(pageSize: Int = 1_000) throws {
        server = try HubServer(pageSize: pageSize)
        folder = try TemporaryFolder()
        server.set("acme/tiny", Self.tiny)
    }

    static var tiny: HubServer.Repository {
        var repository = HubServer.Repository([
            "config.json": config, "model.safetensors": weights, "tokenizer.json": Array("{}".utf8), "README.md": Array("---\nlicense: mit\n---\n".utf8),
            "additional_chat_templates/tool_use.jinja": Array("x".utf8), "empty.txt": [], "pytorch_model.bin": [0x80, 4],
        ])
        repository.card = "{\"license\": \"apache-2.0\", \"base_model\": \"acme/base\"}"
        return repository
    }

    var cache: String { folder.place("hub") }
    var repository: String { "hub/models--acme--tiny" }
    var weightsHash: String { Self.tiny.hash("model.safetensors") }
    var weightsBlob: String { "\(repository)/blobs/\(weightsHash)" }
    var events: [HubEvent] { told.withLock { $0.events } }
    /// Milliseconds of each wait before another attempt.
    var waits: [Int] { told.withLock { $0.waits } }
    /// Paths that were asked for with `GET`, of files and contents.
    var fetched: [String] { server.requests.filter { $0.method == "GET" && ($0.path.contains("/resolve/") || $0.path.hasPrefix("/content/")) }.map(\.path) }

    func hub(
        token: String? = nil, isOffline: Bool = false, limits: HubLimits = HubLimits(), isInterrupted: @escaping @Sendable () -> Bool = { false }
    ) -> Hub {
        var settings = HubSettings(cache: cache)
        settings.endpoint = server.endpoint
        settings.token = token
        settings.isOffline = isOffline
        return Hub(settings, limits: limits, isInterrupted: isInterrupted, sleep: { _ in }) { [self] event in
            told.withLock {
                $0.events.append(event)
                if case .retry(_, _, let milliseconds) = event { $0.waits.append(milliseconds) }
            }
        }
    }

    @discardableResult
    func pull(_ reference: String = "hf:acme/tiny", _ wish: FileWish = FileWish(), token: String? = nil, limits: HubLimits = HubLimits()) throws -> HubSnapshot {
        try hub(token: token, limits: limits).pull(HubReference(reference), wish)
    }

    /// The error that a pull ends with.
    func refusal(_ reference: String = "hf:acme/tiny", _ wish: FileWish = FileWish(), token: String? = nil, limits: HubLimits = HubLimits()) throws -> HubError? {
        do throws(HubError) {
            _ = try hub(token: token, limits: limits).pull(try HubReference(reference), wish)
            return nil
        } catch {
            return error
        }
    }

    /// Whether a request is for the bytes of the weights.
    static func isWeights(_ request: HubRequestLine) -> Bool { request.method == "GET" && request.path.hasSuffix("/model.safetensors") }
}
