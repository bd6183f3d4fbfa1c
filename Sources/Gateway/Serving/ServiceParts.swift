public import Generation
public import Telemetry

/// What a service is made of once everything is open: real models, or a test's scripted ones.
public struct ServiceParts: Sendable {
    public var backend: any GenerationBackend
    /// nil serves without embeddings; the library then has no router.
    public var embedder: (any TextEmbedder)?
    public var library: AdapterLibrary
    /// Text of token ids, to route prompts that come as such.
    public var decode: @Sendable ([Int32]) -> String
    /// Adds what the backend measures to the service's registry.
    public var observe: @Sendable (MetricsRegistry) -> Void
    /// Ends the backend; what still runs fails.
    public var stop: @Sendable () -> Void

    public init(
        backend: any GenerationBackend, embedder: (any TextEmbedder)?, library: AdapterLibrary,
        decode: @escaping @Sendable ([Int32]) -> String = { _ in "" },
        observe: @escaping @Sendable (MetricsRegistry) -> Void = { _ in },
        stop: @escaping @Sendable () -> Void = {}
    ) {
        self.backend = backend
        self.embedder = embedder
        self.library = library
        self.decode = decode
        self.observe = observe
        self.stop = stop
    }
}
