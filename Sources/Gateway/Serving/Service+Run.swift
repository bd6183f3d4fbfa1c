internal import Glibc
public import Logging
public import OpenAIAPI
internal import UV

extension Service {
    /// Serves until SIGTERM or SIGINT: the first one drains, a second one stops at once. For `lmoe serve`.
    ///
    /// - Parameters:
    ///   - opening: opens the models; called off the loop while the server answers already.
    ///   - listening: told the port once the address is bound.
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
        do {
            try await service.open(opening, looked: looked)
        } catch {
            service.stop()
            throw error
        }
        await end.wait()
    }

    /// The keys of `api-key-file`; none without one. A file without a key is refused: it would open the service.
    public nonisolated static func readKeys(_ configuration: ServiceConfiguration) throws(GatewayError) -> APIKeys {
        guard let path = configuration.apiKeyFile else { return APIKeys() }
        guard let text = SmallFile.read(path, limitBytes: 1 << 20) else {
            throw GatewayError(.configuration, "cannot be read as text of at most 1 MiB", place: path)
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

/// Turns signals into the service's end. Loop only.
@LoopActor
private final class EndSignal {
    private let service: Service
    private var watches: [SignalWatch] = []
    private var count = 0
    private var isOver = false
    private var waiting: CheckedContinuation<Void, Never>?

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

    func wait() async {
        guard !isOver else { return }
        await withCheckedContinuation { waiting = $0 }
    }

    func close() {
        for watch in watches { watch.close() }
        watches = []
    }

    private func came() {
        count += 1
        guard count == 1 else { return service.stop() }
        Task { @LoopActor in
            await service.drain()
            isOver = true
            waiting?.resume()
            waiting = nil
        }
    }
}
