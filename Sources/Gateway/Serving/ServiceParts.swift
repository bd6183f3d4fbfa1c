public import Generation

/// What a service is made of once everything is open: real models, or a test's scripted ones.
public struct ServiceParts: Sendable {
    public var backend: any GenerationBackend
    /// nil serves without embeddings; the library then has no router.
    public var embedder: (any TextEmbedder)?
    public var library: AdapterLibrary
    /// Computes fine-tuning jobs; nil: the service takes none.
    var tuner: (any TuningExecutor)?
    /// Tells facts; nil: the service is told none.
    var memories: MemoryDesk?

    public init(backend: any GenerationBackend, embedder: (any TextEmbedder)?, library: AdapterLibrary) {
        self.backend = backend
        self.embedder = embedder
        self.library = library
    }
}
