import Dispatch
import Foundation
import Gateway
import Generation
import Grammars
import Inference
import JSON
import Synchronization

/// What constrained answers cost: compiling, masks, and the speed of streams with a schema beside the same without.
struct GrammarMeasure {
    static let streams = 8
    /// Bytes of the schema that is compiled.
    private(set) var schemaBytes = 0
    /// Seconds.
    private(set) var compile: Samples
    let vocabulary: Int
    /// Seconds to put the vocabulary in order, once for a model.
    private(set) var tree: Samples
    /// Seconds of each mask of random walks through several schemas, the first ones included.
    private(set) var masks: [Double] = []
    /// Tokens of all streams in a second.
    private(set) var free: [Double] = []
    private(set) var constrained: [Double] = []

    /// Of the medians.
    var ratio: Double { Samples(constrained).median / Samples(free).median }

    func maskSeconds(_ share: Double) -> Double {
        let sorted = masks.sorted()
        return sorted.isEmpty ? .nan : sorted[min(Int(Double(sorted.count) * share), sorted.count - 1)]
    }

    init(_ base: BaseModel, configuration: ServiceConfiguration, repeats: Int) throws {
        let schema = Self.largeSchema
        schemaBytes = schema.serializedBytes().count
        compile = Samples(try (0..<10 * repeats).map { _ in try elapsed { _ = try Self.grammar(schema) } })
        let tokenizer = base.tokenizer
        var made: TokenVocabulary?
        tree = Samples(
            (0..<repeats).map { _ in
                elapsed {
                    made = TokenVocabulary(count: tokenizer.vocabularySize, bytes: tokenizer.bytes(of:), isSpecial: tokenizer.isSpecial)
                }
            })
        vocabulary = tokenizer.vocabularySize
        if let made {
            for schema in [schema] + Self.smallSchemas { masks += try Self.walk(try Self.grammar(schema), made) }
        }
        try measureStreams(base, configuration, repeats: repeats)
    }

    private static func grammar(_ schema: JSONValue) throws -> Grammar {
        var builder = GrammarBuilder()
        let root = try builder.schema(schema)
        return try builder.grammar(root)
    }

    // MARK: Masks

    /// As a server meets them: rows of one form share a matcher, and each answer takes another way.
    private static func walk(_ grammar: Grammar, _ vocabulary: TokenVocabulary) throws -> [Double] {
        let matcher = GrammarMatcher(grammar, vocabulary)
        var random = BitSource(state: 11)
        var seconds: [Double] = []
        for _ in 0..<20 {
            var state = matcher.start
            for _ in 0..<100 {
                if state.isComplete() { break }
                var mask: TokenMask?
                seconds.append(elapsed { mask = state.mask() })
                guard let mask, let token = draw(mask, vocabulary.count, &random), state.advance(token) else { break }
            }
        }
        return seconds
    }

    /// Any token of the mask.
    private static func draw(_ mask: TokenMask, _ count: Int, _ random: inout BitSource) -> Int32? {
        let start = Int(random.next() % UInt64(count))
        for offset in 0..<count {
            let token = Int32((start + offset) % count)
            if mask.allows(token) { return token }
        }
        return nil
    }

    // MARK: Streams

    private mutating func measureStreams(_ base: BaseModel, _ configuration: ServiceConfiguration, repeats: Int) throws {
        var own = configuration
        own.limits.drainMilliseconds = 1_000
        let library = try own.openLibrary(for: base.weights, embedder: nil)
        let engine = try own.openEngine(base, library: library)
        defer { engine.stop() }
        let hasTemplate = base.template != nil
        for round in 0...repeats {
            let with = try Self.run(engine, hasTemplate: hasTemplate, isConstrained: true)
            let without = try Self.run(engine, hasTemplate: hasTemplate, isConstrained: false)
            // The first round warms up.
            if round > 0 {
                constrained.append(with)
                free.append(without)
            }
        }
    }

    private static let answer = 160

    private static func run(_ engine: Engine, hasTemplate: Bool, isConstrained: Bool) throws -> Double {
        let group = DispatchGroup()
        let tokens = Mutex(0)
        let failure = Mutex<(any Error)?>(nil)
        let start = ContinuousClock.now
        for index in 0..<streams {
            let text = "List things that a \(["cook", "gardener", "pilot", "nurse", "tailor", "baker", "painter", "farmer"][index % 8]) needs, as JSON."
            let prompt: GenerationRequest.Prompt = hasTemplate ? .chat([ChatMessage(role: "user", content: text)], tools: []) : .text(text, addSpecialTokens: true, parseSpecial: false)
            var request = GenerationRequest(
                id: "bench", prompt: prompt, sampling: .greedy, maxTokens: answer, ignoreEndOfSequence: !isConstrained)
            request.sampling.temperature = 0.8
            request.sampling.seed = UInt64(index)
            if isConstrained { request.format = AnswerFormat(.jsonSchema(AnswerSchema(streamSchema)), field: "response_format") }
            DispatchQueue.global().async(group: group) { [request] in
                do {
                    let usage = try Answer.run(request, on: engine, onText: { _ in }).usage
                    tokens.withLock { $0 += usage.completionTokens }
                } catch {
                    failure.withLock { $0 = error }
                }
            }
        }
        group.wait()
        if let failure = failure.withLock({ $0 }) { throw failure }
        return Double(tokens.withLock { $0 }) / ((ContinuousClock.now - start) / .seconds(1))
    }

    // MARK: Schemas

    private static let streamSchema: JSONValue = [
        "type": "object",
        "properties": [
            "profession": ["type": "string", "maxLength": 20],
            "tools": [
                "type": "array", "minItems": 8, "maxItems": 12,
                "items": [
                    "type": "object", "additionalProperties": false,
                    "properties": ["name": ["type": "string", "maxLength": 30], "price_in_dollars": ["type": "integer", "maximum": 900], "is_essential": ["type": "boolean"]],
                    "required": ["name", "price_in_dollars", "is_essential"],
                ],
            ],
        ],
        "required": ["profession", "tools"],
    ]

    private static let smallSchemas: [JSONValue] = [
        streamSchema, ["type": "object"],
        ["type": "array", "items": ["anyOf": [["type": "string", "maxLength": 40], ["type": "number"], ["type": "null"]]], "maxItems": 20],
        ["type": "object", "properties": ["when": ["type": "string", "format": "date-time"], "code": ["type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"]], "required": ["when", "code"]],
    ]

    /// About 10 KB, of the kind that people write: nested objects, enumerations, references, bounds, patterns.
    private static let largeSchema: JSONValue = {
        var properties = JSONObject()
        for index in 0..<40 {
            properties["field_\(index)"] = [
                "type": "object",
                "properties": [
                    "title": ["type": "string", "description": "A title of at most eighty characters.", "maxLength": 80],
                    "kind": ["enum": ["small", "medium", "large", .string("size_\(index)")]],
                    "count": ["type": "integer", "minimum": 0, "maximum": .integer(Int64(10 + index))],
                    "code": ["type": "string", "pattern": .string("^[A-Z]{\(1 + index % 4)}[0-9]+$")],
                ],
                "required": ["title", "kind"],
            ]
        }
        properties["parent"] = ["anyOf": [["$ref": "#"], ["type": "null"]]]
        return ["type": "object", "properties": .object(properties), "required": ["field_0", "field_1", "field_2"]]
    }()
}
