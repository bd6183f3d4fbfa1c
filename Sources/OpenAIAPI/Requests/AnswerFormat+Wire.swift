import Generation
import JSON

/// The form of the answer, as OpenAI (`response_format`), vLLM (`structured_outputs`, `guided_*`), llama.cpp (`grammar`,
/// `json_schema`, `response_format.schema`) and LoRAX (`response_format` with a schema or an expression) write it. At most one of them.
extension AnswerFormat {
    static let fields: Set<String> = [
        "response_format", "structured_outputs", "guided_json", "guided_regex", "guided_choice", "guided_grammar", "guided_json_object",
        "guided_whitespace_pattern", "guided_decoding_backend", "grammar", "json_schema",
    ]

    /// nil: free text.
    static func read(_ cursor: JSONCursor) throws(JSONError) -> AnswerFormat? {
        var found: [AnswerFormat] = []
        if let format = try responseFormat(cursor["response_format"]) { found.append(format) }
        if let format = try structuredOutputs(cursor["structured_outputs"]) { found.append(format) }
        let pattern = cursor["guided_whitespace_pattern"]
        for (name, kind) in guided {
            guard let format = try option(cursor["guided_" + name], kind, whitespace: try pattern.optionalString()) else { continue }
            found.append(format)
        }
        if let format = try option(cursor["grammar"], .grammar, whitespace: nil) { found.append(format) }
        if let format = try option(cursor["json_schema"], .schema, whitespace: nil) { found.append(format) }
        guard found.count < 2 else {
            throw cursor[found[1].rootField].invalid("the answer's form is given twice: `\(found[0].field)` has it, too; send one of them")
        }
        if pattern.exists, found.first?.isSchema != true { throw pattern.invalid("only allowed beside `guided_json`") }
        return found.first
    }

    private enum Option {
        case schema, expression, choice, grammar, object
    }

    private static let guided: [(name: String, kind: Option)] = [
        ("json", .schema), ("regex", .expression), ("choice", .choice), ("grammar", .grammar), ("json_object", .object),
    ]

    private var rootField: String { String(field.prefix { $0 != "." && $0 != "[" }) }

    private var isSchema: Bool { if case .jsonSchema = kind { true } else { false } }

    // MARK: response_format

    private static func responseFormat(_ cursor: JSONCursor) throws(JSONError) -> AnswerFormat? {
        guard cursor.exists else { return nil }
        let type = try cursor["type"].name()
        let schema = cursor["schema"]
        switch type {
        case "text": return nil
        case "json_object":
            if schema.exists { return AnswerFormat(.jsonSchema(AnswerSchema(try self.schema(schema))), field: schema.path) }
            return AnswerFormat(.jsonObject, field: cursor.path)
        case "json_schema":
            let inner = cursor["json_schema"]
            if inner.exists { return try openAI(inner) }
            if schema.exists { return AnswerFormat(.jsonSchema(AnswerSchema(try self.schema(schema))), field: schema.path) }
            throw JSONError(.missing, "missing; expected an object with `name` and `schema`", path: inner.path)
        case "regex":
            // LoRAX has the expression where others have the schema.
            let pattern = schema.exists ? schema : cursor["regex"]
            return AnswerFormat(.regularExpression(try pattern.string()), field: pattern.path)
        case "grammar", "structural_tag": throw cursor["type"].invalid("`\(type)` is not supported here; use `structured_outputs.grammar`")
        default: throw cursor["type"].invalid("`\(type)` is not one of text, json_object, json_schema, regex")
        }
    }

    private static func openAI(_ cursor: JSONCursor) throws(JSONError) -> AnswerFormat {
        let known: Set<String> = ["name", "schema", "strict", "description"]
        for (key, value) in try cursor.object() where !value.isNull && !FieldPolicy.isKnown(key, known) {
            try FieldPolicy.refuseLong(key, of: cursor)
            throw cursor[key].invalid("unknown field; expected name, schema, strict or description")
        }
        let name = try cursor["name"].string()
        let isName = !name.isEmpty && name.utf8.count <= 64 && name.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
        }
        guard isName else { throw cursor["name"].invalid("expected 1 to 64 letters, digits, `_` or `-`") }
        let schema = cursor["schema"]
        let strict = try cursor["strict"].optionalBool() ?? false
        return AnswerFormat(
            .jsonSchema(
                AnswerSchema(
                    schema.exists ? try self.schema(schema) : ["type": "object"], name: name,
                    description: try cursor["description"].optionalString(), isStrict: strict)),
            field: schema.path)
    }

    /// A schema is an object or a boolean; vLLM also takes one as JSON text.
    private static func schema(_ cursor: JSONCursor) throws(JSONError) -> JSONValue {
        switch cursor.value {
        case .object, .bool: return cursor.value ?? .null
        case .string(let text):
            do throws(JSONError) {
                let value = try JSONValue.parse(text)
                guard value.objectValue != nil || value.boolValue != nil else {
                    throw cursor.invalid("expected a schema as an object; the text is \(value.kindName)")
                }
                return value
            } catch {
                throw cursor.invalid("expected a schema as an object or as JSON text: \(error)")
            }
        default: return .object(try cursor.object())
        }
    }

    // MARK: vLLM and llama.cpp

    private static func option(_ cursor: JSONCursor, _ kind: Option, whitespace: String?) throws(JSONError) -> AnswerFormat? {
        guard cursor.exists else { return nil }
        switch kind {
        case .schema:
            var schema = AnswerSchema(try self.schema(cursor))
            schema.whitespacePattern = whitespace
            return AnswerFormat(.jsonSchema(schema), field: cursor.path)
        case .expression: return AnswerFormat(.regularExpression(try cursor.string()), field: cursor.path)
        case .grammar: return AnswerFormat(.grammar(try cursor.string()), field: cursor.path)
        case .object: return try cursor.bool() ? AnswerFormat(.jsonObject, field: cursor.path) : nil
        case .choice:
            var texts: [String] = []
            for place in try cursor.array() { texts.append(try place.string()) }
            guard !texts.isEmpty else { throw cursor.invalid("expected at least one text") }
            return AnswerFormat(.choice(texts), field: cursor.path)
        }
    }

    private static func structuredOutputs(_ cursor: JSONCursor) throws(JSONError) -> AnswerFormat? {
        guard cursor.exists else { return nil }
        let known: Set<String> = [
            "json", "regex", "choice", "grammar", "json_object", "structural_tag", "disable_any_whitespace", "disable_additional_properties",
            "whitespace_pattern", "disable_fallback", "backend",
        ]
        for (key, value) in try cursor.object() where !value.isNull && !FieldPolicy.isKnown(key, known) {
            try FieldPolicy.refuseLong(key, of: cursor)
            throw cursor[key].invalid("unknown field; expected json, regex, choice, grammar or json_object")
        }
        if cursor["structural_tag"].exists { throw cursor["structural_tag"].invalid("not supported; declare `tools`, whose calls are constrained") }
        var found: AnswerFormat?
        for (name, kind) in guided {
            guard let format = try option(cursor[name], kind, whitespace: try cursor["whitespace_pattern"].optionalString()) else { continue }
            if let found { throw cursor[name].invalid("the answer's form is given twice: `\(found.field)` has it, too; send one of them") }
            found = format
        }
        guard var format = found else { throw cursor.invalid("expected one of json, regex, choice, grammar or json_object") }
        if case .jsonSchema(var schema) = format.kind {
            schema.isCompact = try cursor["disable_any_whitespace"].optionalBool() ?? false
            schema.allowsUndeclaredMembers = try cursor["disable_additional_properties"].optionalBool() == false
            format.kind = .jsonSchema(schema)
        }
        return format
    }
}
