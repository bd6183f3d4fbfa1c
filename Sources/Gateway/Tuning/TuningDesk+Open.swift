internal import Adapters
internal import Files
internal import Glibc
internal import Logging
import OpenAIAPI
import Serving

extension TuningDesk {
    /// The desk of a service; nil without a folder or without what computes jobs. Errors: `notOpened`.
    ///
    /// - Parameter served: told of each look at the adapters folder after a job; called on a thread of its own.
    static func open(
        _ configuration: ServiceConfiguration, _ parts: ServiceParts, _ logger: Logger,
        served: @escaping @Sendable (AdapterLibrary.Refresh) -> Void
    ) throws(GatewayError) -> TuningDesk? {
        guard let path = configuration.tuningFolder, let tuner = parts.tuner else { return nil }
        var limits = configuration.limits.tuning
        limits.fileBytes = min(limits.fileBytes, configuration.limits.http.bodyBytes)
        let library = parts.library
        do throws(FileError) {
            return try TuningDesk(
                path, limits: limits,
                library: TuningLibrary(
                    folder: configuration.adapters, path: { (adapter) throws(APIError) in try library.place(of: adapter) },
                    publish: { adapter in library.publish(adapter, looked: served) }),
                executor: tuner,
                queue: WorkQueue("lmoe.tuning.requests", capacity: configuration.limits.queuedChanges, purpose: "for files and fine-tuning jobs"),
                logger: logger)
        } catch {
            throw GatewayError(.notOpened, error.message, place: error.path)
        }
    }
}

extension AdapterLibrary {
    /// The folder of an adapter that is there, served or not. Errors: `overloaded` while the adapters folder cannot be read.
    func place(of adapter: String) throws(APIError) -> String? {
        do throws(AdapterError) {
            return try store.path(of: adapter)
        } catch {
            var failure = APIError(.overloaded, "The adapters folder cannot be read at the moment.", retryAfterSeconds: 5)
            failure.cause = error.description
            throw failure
        }
    }

    /// Looks until an adapter whose folder came a moment ago is served or refused: a folder rests before it is taken. Ends after 10 s in
    /// any case; the watch of the folder goes on.
    func publish(_ adapter: String, looked: (Refresh) -> Void) {
        for _ in 0..<200 {
            let refresh = refresh()
            if !refresh.isEmpty { looked(refresh) }
            if shelf.entries[adapter] != nil { return }
            usleep(50_000)
        }
    }
}
