internal import Files
public import Logging
public import OpenAIAPI
internal import UV

extension Service {
    /// Serves until SIGTERM or SIGINT: the first one drains, a second one stops at once. For `lmoe serve`.
    ///
    /// A signal that comes while the models load ends the service without waiting for them: `opening` is left to run, and what it opens
    /// is not served. Errors: why the service could not be opened.
    ///
    /// - Parameters:
    ///   - opening: opens the models; called off the loop while the server answers already.
    ///   - listening: called with the port once the address is bound.
    ///   - looked: called off the loop after the first look at the folders.
    public nonisolated static func run(
        _ configuration: ServiceConfiguration, logger: Logger, version: String,
        opening: @escaping @Sendable () throws -> ServiceParts, listening: @escaping @Sendable (Int) -> Void,
        looked: @escaping @Sendable (AdapterLibrary) -> Void = { _ in }
    ) async throws {
        let keys = try readKeys(configuration)
        try await runOnLoop(
            configuration, keys: keys, logger: logger, version: version, opening: opening, listening: listening,
            looked: looked)
    }

    @LoopActor
    private static func runOnLoop(
        _ configuration: ServiceConfiguration, keys: APIKeys, logger: Logger, version: String,
        opening: @escaping @Sendable () throws -> ServiceParts, listening: @escaping @Sendable (Int) -> Void,
        looked: @escaping @Sendable (AdapterLibrary) -> Void
    ) async throws {
        let service = Service(configuration, keys: keys, logger: logger, version: version)
        let end = EndSignal(service, logger)
        defer { end.close() }
        listening(try service.listen())
        Task { @LoopActor in
            do {
                try await service.open(opening, looked: looked)
            } catch {
                end.failed(error)
            }
        }
        try await end.wait()
    }

    /// The keys of `api-key-file`; none without one. A file without a key is refused: it would open the service.
    public nonisolated static func readKeys(_ configuration: ServiceConfiguration) throws(GatewayError) -> APIKeys {
        guard let path = configuration.apiKeyFile else { return APIKeys() }
        let text: String
        do {
            text = try RegularFile.text(path, limitBytes: 1 << 20)
        } catch {
            throw GatewayError(.configuration, "the file of keys cannot be used: \(error.message)", place: path)
        }
        let keys: APIKeys
        do {
            keys = try APIKeys(file: text)
        } catch {
            throw GatewayError(.configuration, error.message, place: "\(path):\(error.line)")
        }
        guard !keys.isEmpty else { throw GatewayError(.configuration, "there is no key in it", place: path) }
        return keys
    }
}

/// Ends the service: after a signal, or when it could not be opened. Loop only.
@LoopActor
private final class EndSignal {
    private let service: Service
    private var watches: [SignalWatch] = []
    private var count = 0
    private var result: Result<Void, any Error>?
    private var waiting: CheckedContinuation<Void, any Error>?

    init(_ service: Service, _ logger: Logger) {
        self.service = service
        for (signal, name) in [(SignalWatch.Signal.terminate, "SIGTERM"), (.interrupt, "SIGINT")] {
            do {
                watches.append(try SignalWatch(signal, handler: { [weak self] in self?.came() }))
            } catch {
                logger.error(
                    "a signal cannot be watched: it ends the process at once",
                    metadata: ["signal": .string(name), "why": .string("\(error)")])
            }
        }
    }

    /// Errors: what `failed` was told.
    func wait() async throws {
        if let result { return try result.get() }
        try await withCheckedThrowingContinuation { waiting = $0 }
    }

    /// The service could not be opened. After a signal this no longer matters.
    func failed(_ error: any Error) {
        guard count == 0 else { return }
        service.stop()
        finish(.failure(error))
    }

    func close() {
        for watch in watches { watch.close() }
        watches = []
    }

    private func came() {
        count += 1
        guard count == 1 else {
            service.stop()
            return finish(.success(()))
        }
        Task { @LoopActor in
            await service.drain()
            finish(.success(()))
        }
    }

    private func finish(_ result: Result<Void, any Error>) {
        guard self.result == nil else { return }
        self.result = result
        waiting?.resume(with: result)
        waiting = nil
    }
}
