import Embeddings
import Gateway
import Generation
import Synchronization
import Tensors

/// The router's encoder, opened when it is first needed. Any thread.
final class EncoderOnDemand: Sendable {
    private let configuration: ServiceConfiguration
    private let pool: WorkerPool
    private let opened = Mutex<(any TextEmbedder)?>(nil)

    init(_ configuration: ServiceConfiguration, _ pool: WorkerPool) {
        self.configuration = configuration
        self.pool = pool
    }

    /// Nil when the settings say `none`. Errors: as `ServiceConfiguration.openEmbedder`.
    @Sendable func open() throws -> (any TextEmbedder)? {
        try opened.withLock { opened in
            if let opened { return opened }
            opened = try configuration.openEmbedder(pool)
            return opened
        }
    }
}
