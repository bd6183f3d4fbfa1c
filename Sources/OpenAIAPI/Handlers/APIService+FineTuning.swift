import Generation
import JSON
import UV

/// `/v1/fine_tuning/jobs`.
extension APIService {
    typealias JobChange = @Sendable (any FineTuningService, _ job: String, FineTuningOwner) async throws -> FineTuningJob

    func createJob(_ exchange: Exchange) throws {
        let tuning = try tuning()
        let services = try accepting()
        let names = names(services, exchange)
        try read(exchange) { [fields] document in
            try FineTuningRequest(document, fields: fields) { cursor throws(APIError) in try Self.start(cursor, names) }
        } then: { [self] request in
            run(exchange) { exchange.respond(Self.shape(try await tuning.create(request, owner: exchange.owner), services)) }
        }
    }

    func listJobs(_ exchange: Exchange) throws {
        let (tuning, services) = (try tuning(), try ready())
        let query = ListQuery(request: exchange.request)
        let (place, filter) = (try query.place(standard: 20, most: tuning.limits.page), try query.metadata())
        run(exchange) {
            let page = try await tuning.jobs(place, where: filter, owner: exchange.owner)
            exchange.respond(FineTuningShape.list(page) { Self.shape($0, services) })
        }
    }

    func job(_ exchange: Exchange, _ id: String) throws {
        try changeJob(exchange, id) { try await $0.job($1, owner: $2) }
    }

    /// Answers with the job as it is after the change.
    func changeJob(_ exchange: Exchange, _ id: String, _ change: @escaping JobChange) throws {
        let (tuning, services) = (try tuning(), try ready())
        try Self.checkLength(ofJob: id)
        run(exchange) { exchange.respond(Self.shape(try await change(tuning, id, exchange.owner), services)) }
    }

    func listEvents(_ exchange: Exchange, _ id: String) throws {
        let tuning = try tuning()
        try Self.checkLength(ofJob: id)
        let place = try ListQuery(request: exchange.request).place(standard: 20, most: tuning.limits.page)
        run(exchange) {
            let page = try await tuning.events(of: id, place, owner: exchange.owner)
            exchange.respond(FineTuningShape.list(page, FineTuningShape.event))
        }
    }

    func listCheckpoints(_ exchange: Exchange, _ id: String) throws {
        let tuning = try tuning()
        try Self.checkLength(ofJob: id)
        let place = try ListQuery(request: exchange.request).place(standard: 10, most: tuning.limits.page)
        run(exchange) {
            let (adapter, page) = try await tuning.checkpoints(of: id, place, owner: exchange.owner)
            exchange.respond(FineTuningShape.list(page, namesEnds: true) { FineTuningShape.checkpoint($0, job: id, adapter: adapter) })
        }
    }

    private static func shape(_ job: FineTuningJob, _ services: APIServices) -> JSONValue {
        FineTuningShape.job(job, base: services.backend.baseModelName)
    }

    /// The adapter that `model` names; nil: the base.
    private nonisolated static func start(_ cursor: JSONCursor, _ names: ModelNames) throws(APIError) -> String? {
        let name: String
        do throws(JSONError) {
            name = try cursor.name()
        } catch {
            throw APIError(error)
        }
        switch names.selection(name) {
        case .base: return nil
        case .adapter(let adapter): return adapter
        case .automatic, .merged:
            throw APIError(.invalidRequest, "`model`: `\(name)` stands for several models; name the base, or the adapter to tune further", param: "model")
        case nil: throw APIError(.modelNotFound, ModelSelection.unknown(name), param: "model")
        }
    }

    private static func checkLength(ofJob id: String) throws(APIError) {
        guard id.utf8.count <= JSONCursor.longestName else {
            throw APIError(.jobNotFound, "There is no fine-tuning job with an identity of \(id.utf8.count) bytes.", param: "fine_tune_id")
        }
    }
}
