import Generation
import JSON
import UV

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
        let names = names(services, exchange)
        try read(exchange) { [fields, limits] document in
            try CompletionRequest.read(document, names: names, fields: fields, limits: limits)
        } then: { [self] job in
            generate(exchange, job, shape: CompletionShape(), services)
        }
    }

    /// The names that this caller may use. An adapter that it may not use is like one that is not there.
    func names(_ services: APIServices, _ exchange: Exchange) -> ModelNames {
        let (catalogue, caller) = (services.catalogue, exchange.caller)
        return ModelNames(
            bases: [services.backend.baseModelName],
            isServable: { catalogue.isServable($0) && catalogue.admits(caller, to: $0) },
            refusal: { catalogue.admits(caller, to: $0) ? catalogue.refusal($0) : nil },
            adapters: { catalogue.adapterNames().filter { catalogue.admits(caller, to: $0) } })
    }

    /// Chooses the adapter of each prompt, off the loop where the router decides, then hands over to the backend.
    func generate(_ exchange: Exchange, _ job: GenerationJob, shape: any AnswerShape, _ services: APIServices) {
        if let choice = explicitChoice(job, exchange, services) {
            begin(exchange, job, shape: shape, routes: job.prompts.map { _ in choice }, services)
            return
        }
        run(exchange) { [self] in
            var routes: [RouteChoice] = []
            for prompt in job.prompts {
                let question = RouteQuestion(
                    prompt.routed, candidates: job.route.candidates, threshold: job.route.threshold, caller: exchange.caller,
                    requestID: exchange.id, user: job.user, isServed: true)
                let choice = try await services.routes.route(question)
                if let adapter = choice.adapter { services.routes.prefetch(adapter) }
                routes.append(choice)
            }
            guard !exchange.isOver else { return }
            begin(exchange, job, shape: shape, routes: routes, services)
        }
    }

    /// The choice that needs no router: the client's, or the default that `/lora-adapters` set.
    private func explicitChoice(_ job: GenerationJob, _ exchange: Exchange, _ services: APIServices) -> RouteChoice? {
        switch job.selection {
        case .base:
            return services.routes.explicit(nil, reason: "the client asked for the base model")
        case .adapter(let name):
            services.routes.prefetch(name)
            return services.routes.explicit(name, reason: "the client asked for \(name)")
        case .merged(let merge):
            for part in merge.parts { services.routes.prefetch(part.adapter) }
            return services.routes.explicit(merge.label, reason: "the client asked for \(merge.label), merged by \(merge.strategy.rawValue)")
        case .automatic:
            switch defaultSelection {
            case .base: return services.routes.explicit(nil, reason: "the base was set as the default by /lora-adapters")
            case .adapter(let name) where names(services, exchange).isServable(name):
                services.routes.prefetch(name)
                return services.routes.explicit(name, reason: "\(name) was set as the default by /lora-adapters")
            default: return nil
            }
        }
    }

    private func begin(
        _ exchange: Exchange, _ job: GenerationJob, shape: any AnswerShape, routes: [RouteChoice],
        _ services: APIServices
    ) {
        exchange.record.adapters = routes.map(\.adapter)
        exchange.record.routes = routes.map(\.kind)
        exchange.record.marks = routes.map(\.marks)
        exchange.record.probabilities = routes.map(\.probability)
        exchange.record.probability = routes.first?.probability
        exchange.record.routeMilliseconds = routes.first?.milliseconds ?? 0
        exchange.record.choices = job.sequences
        let answer = Answer(
            id: identity(shape.idPrefix), created: clock(), baseModel: services.backend.baseModelName, job: job,
            routes: routes)
        // A name that the client gave must not be answered by another model; a decision of the router's may.
        var adapterGone: (@LoopActor () -> Void)?
        if routes.contains(where: { $0.kind != .explicit && $0.adapter != nil }) {
            adapterGone = {
                let others = routes.map { self.withoutGone($0, services) }
                self.begin(exchange, job, shape: shape, routes: others, services)
            }
        }
        GenerationRun(exchange, shape: shape, answer: answer, adapterGone: adapterGone).start(on: services.backend)
    }

    /// The base instead of a routed adapter, and an adapter instead of its new version: one of them has just been removed, or does
    /// not load.
    private func withoutGone(_ route: RouteChoice, _ services: APIServices) -> RouteChoice {
        guard route.kind != .explicit, let adapter = route.adapter else { return route }
        if route.marks.isCanary, let other = route.marks.canaryOf {
            var choice = services.routes.explicit(other, reason: "\(adapter) was drawn, but has been removed or does not load: \(other) answers")
            choice.kind = .matched
            choice.probability = route.probability
            choice.marks.best = other
            choice.milliseconds = route.milliseconds
            return choice
        }
        var choice = services.routes.explicit(nil, reason: "\(adapter) was chosen, but has been removed or does not load: the base answers")
        choice.kind = .fallback
        choice.milliseconds = route.milliseconds
        return choice
    }
}
