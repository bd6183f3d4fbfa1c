import Generation
import JSON
import Serving

extension APIService {
    func chat(_ exchange: Exchange) throws {
        let services = try accepting()
        let names = names(services, exchange)
        try read(exchange) { [fields, limits] document in
            try ChatCompletionRequest.read(document, names: names, fields: fields, limits: limits)
        } then: { [self] job in
            generate(exchange, job, shape: ChatShape(), services)
        }
    }

    func completion(_ exchange: Exchange) throws {
        let services = try accepting()
        let vocabulary = services.backend.facts?.vocabulary
        let names = names(services, exchange)
        try read(exchange) { [fields, limits] document in
            try CompletionRequest.read(document, names: names, fields: fields, limits: limits, vocabulary: vocabulary)
        } then: { [self] job in
            generate(exchange, job, shape: CompletionShape(), services)
        }
    }

    /// The names that this caller may use. An adapter that it may not use is like one that is not there.
    func names(_ services: APIServices, _ exchange: Exchange) -> ModelNames {
        let (catalogue, caller) = (services.catalogue, exchange.caller)
        return ModelNames(
            bases: [services.backend.baseModelName], isBaseName: { catalogue.isBaseName($0) },
            aliases: configuration.modelAliases,
            isServable: { catalogue.isServable($0) && catalogue.admits(caller, to: $0) },
            refusal: { catalogue.admits(caller, to: $0) ? catalogue.refusal($0) : nil },
            adapters: { catalogue.adapterNames().filter { catalogue.admits(caller, to: $0) } },
            defaultMemories: configuration.memories)
    }

    /// Hands the job to the serving layer, which chooses who answers each prompt.
    ///
    /// - Parameters:
    ///   - id: of the answer; nil gives it one.
    ///   - whenOver, whenOverlong: see `GenerationRun`.
    @discardableResult
    func generate(
        _ exchange: Exchange, _ job: GenerationJob, id: String? = nil, shape: any AnswerShape, _ services: APIServices,
        whenOver: GenerationRun.Ending? = nil, whenOverlong: GenerationRun.Overlong? = nil
    ) -> GenerationRun {
        exchange.record.choices = job.sequences
        exchange.record.decisions = job.prompts.map { _ in nil }
        let answer = Answer(
            id: id ?? identity(shape.idPrefix), created: clock(), baseModel: services.backend.baseModelName, job: job)
        let run = GenerationRun(exchange, shape: shape, answer: answer, whenOver: whenOver, whenOverlong: whenOverlong)
        run.start(on: services.serving, selections: job.prompts.map { selection($0, job, exchange, services) })
        return run
    }

    /// Answers with the number of tokens that the job's one prompt has, also where the context does not hold them.
    func count(_ exchange: Exchange, _ job: GenerationJob, _ services: APIServices, answer: @escaping (_ tokens: Int) -> JSONValue) {
        var request = job.request(0, id: exchange.id, cachePartition: exchange.cachePartition)
        request.maxTokens = 1
        let count = PromptCount(exchange, answer: answer) { [self] decision in
            inspect(exchange) { [self] in exchange.respond(answer(try await tokens(of: job, decision, exchange, services))) }
        }
        count.start(on: services.serving, selection(job.prompts[0], job, exchange, services), request)
    }

    /// Of the job's first prompt, as the adapter of the decision renders it, without the schema of the answer.
    func tokens(of job: GenerationJob, _ decision: RouteDecision?, _ exchange: Exchange, _ services: APIServices) async throws -> Int {
        var request = job.promptRequest(id: exchange.id)
        if case .automatic = job.selection { request.adapter = decision?.adapter }
        return try await services.backend.prompt(of: request).tokens.count
    }

    /// What the client said of one prompt's adapter, or the default that `/lora-adapters` set.
    private func selection(
        _ prompt: GenerationJob.Prompt, _ job: GenerationJob, _ exchange: Exchange, _ services: APIServices
    ) -> RoutedPrompt.Selection {
        switch job.selection {
        case .base: return .base(reason: "the client asked for the base model")
        case .adapter(let name): return .adapter(name, reason: "the client asked for \(name)")
        case .merged(let merge):
            return .merged(merge, reason: "the client asked for \(merge.label), merged by \(merge.strategy.rawValue)")
        case .automatic:
            switch defaultSelection {
            case .base: return .base(reason: "the base was set as the default by /lora-adapters")
            case .adapter(let name) where names(services, exchange).isServable(name):
                return .preset(name, reason: "\(name) was set as the default by /lora-adapters")
            default: break
            }
            return .automatic(
                RouteQuestion(
                    prompt.routed, candidates: job.route.candidates, threshold: job.route.threshold, caller: exchange.caller,
                    requestID: exchange.id, user: job.user, isServed: true, cachePartition: exchange.cachePartition))
        }
    }
}
