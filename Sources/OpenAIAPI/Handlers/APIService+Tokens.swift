import Generation
import JSON
import UV

/// The tokenizer and the chat template over HTTP: vLLM's `/tokenize`, `/detokenize` and `/tokenizer_info`, llama.cpp's
/// `/apply-template` and `/props`. They generate nothing and route nothing.
extension APIService {
    func tokenize(_ exchange: Exchange) throws {
        let services = try accepting()
        let names = names(services, exchange)
        try read(exchange) { [fields, limits] document in
            try TokenizeRequest.read(document, names: names, fields: fields, limits: limits)
        } then: { [self] request in
            inspect(exchange) { [self] in
                let report = try await report(request.input, services, id: exchange.id)
                exchange.respond(TokenizeShape.tokens(report, of: request, contextLength: services.backend.contextLength))
            }
        }
    }

    func detokenize(_ exchange: Exchange) throws {
        let services = try accepting()
        let names = names(services, exchange)
        try read(exchange) { [fields] document in
            try fields.check(document, ["model", "tokens"])
            _ = try ModelSelection.read(document, names: names)
            var tokens: [Int32] = []
            for place in try document["tokens"].array() { tokens.append(Int32(try place.int(in: 0...Int(Int32.max)))) }
            return tokens
        } then: { [self] (tokens: [Int32]) in
            inspect(exchange) { [self] in
                var text = ""
                if !tokens.isEmpty { text = try await prompt(.tokens(tokens), services, id: exchange.id, field: "tokens").text }
                // vLLM's name, and llama.cpp's.
                exchange.respond(["prompt": .string(text), "content": .string(text)])
            }
        }
    }

    func applyTemplate(_ exchange: Exchange) throws {
        let services = try accepting()
        let names = names(services, exchange)
        try read(exchange) { [fields, limits] document in
            try ChatCompletionRequest.read(document, names: names, fields: fields, limits: limits)
        } then: { [self] (job: GenerationJob) in
            inspect(exchange) {
                let report = try await services.backend.prompt(of: job.promptRequest(id: exchange.id))
                exchange.respond(["prompt": .string(report.rendered ?? report.text)])
            }
        }
    }

    func tokenizerInfo(_ exchange: Exchange) throws {
        let backend = try ready().backend
        exchange.respond(TokenizeShape.info(try tokenizer(of: backend), contextLength: backend.contextLength))
    }

    func properties(_ exchange: Exchange) throws {
        let backend = try ready().backend
        let body = TokenizeShape.properties(
            try tokenizer(of: backend), model: backend.baseModelName, contextLength: backend.contextLength, version: configuration.version)
        exchange.respond(body)
    }

    private func tokenizer(of backend: any GenerationBackend) throws(APIError) -> TokenizerFacts {
        guard let facts = backend.tokenizer else {
            throw APIError(.notConfigured, "\(backend.baseModelName) has no tokenizer that can be asked.")
        }
        return facts
    }

    private func report(_ input: TokenizeRequest.Input, _ services: APIServices, id: String) async throws -> PromptReport {
        switch input {
        case .text(let text, let addSpecialTokens, let parseSpecial):
            if text.isEmpty, !addSpecialTokens { return PromptReport(tokens: [], bytes: []) }
            return try await prompt(
                .text(text, addSpecialTokens: addSpecialTokens, parseSpecial: parseSpecial), services, id: id, field: "prompt")
        case .chat(let job):
            return try await services.backend.prompt(of: job.promptRequest(id: id))
        }
    }

    private func prompt(
        _ prompt: GenerationRequest.Prompt, _ services: APIServices, id: String, field: String
    ) async throws -> PromptReport {
        do {
            return try await services.backend.prompt(of: GenerationRequest(id: id, prompt: prompt))
        } catch {
            var named = error
            named.field = named.field ?? field
            throw named
        }
    }

    /// Runs work of the tokenizer; more than a few at once are refused.
    func inspect(_ exchange: Exchange, _ body: @escaping @LoopActor () async throws -> Void) {
        guard inspections < limits.inspections else {
            return exchange.fail(APIError(.overloaded, "Too many texts wait for the tokenizer.", retryAfterSeconds: 1))
        }
        inspections += 1
        run(exchange) { [self] in
            defer { inspections -= 1 }
            try await body()
        }
    }
}
