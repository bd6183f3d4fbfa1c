import Generation
import Grammars
import JSON
import Synchronization
import Tokenizers

/// Compiles the forms of answers into grammars over a model's vocabulary, and keeps the last ones: requests of one form share what is
/// known of it. Any thread.
final class AnswerGrammars: Sendable {
    private struct State {
        var vocabulary: TokenVocabulary?
        var matchers: [String: (matcher: GrammarMatcher, used: Int)] = [:]
        var clock = 0
    }

    /// Kept grammars, and the memory of all of them together.
    private static let most = 128
    private static let mostBytes = 256 << 20

    private let tokenizer: any Tokenizer
    private let state = Mutex(State())

    init(_ tokenizer: any Tokenizer) { self.tokenizer = tokenizer }

    /// Makes the constraints of requests with this.
    func source() -> ConstraintSource {
        { (request: GenerationRequest, context: ConstraintContext) throws(GenerationError) -> (any TokenConstraint)? in
            try self.constraint(of: request, context)
        }
    }

    /// The constraint of a request; nil: its answer is free text.
    func constraint(of request: GenerationRequest, _ context: ConstraintContext) throws(GenerationError) -> (any TokenConstraint)? {
        if let reading = context.reading, let calls = CallGrammar(reading, request, tokenizer) {
            return try constraint(of: calls, context)
        }
        guard let format = request.format else { return nil }
        return try constraint(key: format.key, field: format.field, closes: true, context) { builder throws(GrammarError) in
            try builder.node(of: format.kind)
        }
    }

    /// Functions whose schemas are too large together may get any object, unless one is strict.
    private func constraint(of calls: CallGrammar, _ context: ConstraintContext) throws(GenerationError) -> GrammarConstraint {
        do throws(GenerationError) {
            return try constraint(key: calls.key, field: calls.field, closes: calls.closes, context) { builder throws(GrammarError) in
                try calls.root(&builder)
            }
        } catch {
            guard error.code == .formatTooComplex, let loose = calls.loose else { throw error }
            return try constraint(key: loose.key, field: loose.field, closes: loose.closes, context) { builder throws(GrammarError) in
                try loose.root(&builder)
            }
        }
    }

    /// A constraint of a grammar that is put together from parts.
    ///
    /// - Parameters:
    ///   - key: tells grammars apart: everything that goes into one.
    ///   - field: where the client put it, for errors.
    ///   - closes: an answer whose tokens run out is completed in the shortest way.
    func constraint(
        key: String, field: String, closes: Bool, _ context: ConstraintContext,
        _ build: (inout GrammarBuilder) throws(GrammarError) -> GrammarNode
    ) throws(GenerationError) -> GrammarConstraint {
        if let known = known(key) { return GrammarConstraint(known, context, closes: closes) }
        let matcher: GrammarMatcher
        do throws(GrammarError) {
            var builder = GrammarBuilder()
            builder.tokenNamed = { [tokenizer] in tokenizer.token($0) }
            let root = try build(&builder)
            matcher = GrammarMatcher(try builder.grammar(root), vocabulary)
        } catch {
            throw GenerationError(error, field: field)
        }
        // The first mask and the first end are the dearest, and this thread has time.
        var start = matcher.start
        _ = start.mask()
        if closes { _ = start.closing() }
        return GrammarConstraint(keep(matcher, key), context, closes: closes)
    }

    private func known(_ key: String) -> GrammarMatcher? {
        state.withLock { state in
            state.clock += 1
            state.matchers[key]?.used = state.clock
            // Those that are kept have grown meanwhile.
            Self.forgetOldest(&state)
            return state.matchers[key]?.matcher
        }
    }

    private func keep(_ matcher: GrammarMatcher, _ key: String) -> GrammarMatcher {
        state.withLock { state in
            state.clock += 1
            // Another thread may have been faster.
            if let known = state.matchers[key] { return known.matcher }
            state.matchers[key] = (matcher, state.clock)
            Self.forgetOldest(&state)
            return matcher
        }
    }

    /// Until the bounds hold; the last one that was used stays.
    private static func forgetOldest(_ state: inout State) {
        var memory = state.matchers.reduce(0) { $0 + $1.key.utf8.count + $1.value.matcher.memory }
        while state.matchers.count > 1, state.matchers.count > most || memory > mostBytes,
            let oldest = state.matchers.min(by: { $0.value.used < $1.value.used })
        {
            memory -= oldest.key.utf8.count + oldest.value.matcher.memory
            state.matchers[oldest.key] = nil
        }
    }

    private var vocabulary: TokenVocabulary {
        state.withLock { state in
            if let known = state.vocabulary { return known }
            let made = TokenVocabulary(count: tokenizer.vocabularySize, bytes: tokenizer.bytes(of:), isSpecial: tokenizer.isSpecial)
            state.vocabulary = made
            return made
        }
    }
}

extension AnswerFormat {
    /// Equal for forms that compile to equal grammars.
    var key: String {
        switch kind {
        case .jsonObject: return "object"
        case .jsonSchema(let schema):
            return "schema \(schema.isStrict) \(schema.isCompact) \(schema.allowsUndeclaredMembers) \(schema.whitespacePattern ?? "-") "
                + schema.schema.serialized()
        case .regularExpression(let pattern): return "expression \(pattern)"
        case .choice(let texts): return "choice " + JSONValue.array(texts.map(JSONValue.string)).serialized()
        case .grammar(let source): return "grammar \(source)"
        }
    }
}

extension GrammarBuilder {
    /// The part that an answer's form means.
    mutating func node(of kind: AnswerFormat.Kind) throws(GrammarError) -> GrammarNode {
        switch kind {
        case .jsonObject: return try anyObject()
        case .jsonSchema(let schema): return try self.schema(schema.schema, options: SchemaOptions(schema))
        case .regularExpression(let pattern): return try regularExpression(pattern)
        case .choice(let texts): return try choice(texts)
        case .grammar(let source): return try gbnf(source)
        }
    }
}

extension SchemaOptions {
    init(_ schema: AnswerSchema) {
        self.init()
        isStrict = schema.isStrict
        isCompact = schema.isCompact
        whitespacePattern = schema.whitespacePattern
        allowsUndeclaredMembers = schema.allowsUndeclaredMembers
    }
}

extension GenerationError {
    init(_ error: GrammarError, field: String) {
        let code: Code =
            switch error.code {
            case .invalid: .invalidFormat
            case .unsupported: .unsupportedFormat
            case .tooComplex: .formatTooComplex
            }
        self.init(code, "\(field): \(error.description)", field: field)
    }
}
