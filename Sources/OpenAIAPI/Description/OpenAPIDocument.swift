import JSON

/// The description of this server's API: OpenAPI 3.1, made from the table of endpoints.
enum OpenAPIDocument {
    /// - Parameter version: the program's.
    static func json(version: String, needsKey: Bool) -> JSONValue {
        var document: JSONObject = [
            "openapi": "3.1.0",
            "info": [
                "title": "lmoe", "version": .string(version),
                "description": "One base model, many adapters: each request is answered by the adapter that fits it best.",
            ],
            "paths": .object(paths),
            "components": [
                "schemas": .object(schemas),
                "securitySchemes": ["key": ["type": "http", "scheme": "bearer"], "header": ["type": "apiKey", "in": "header", "name": "x-api-key"]],
            ],
        ]
        if needsKey { document["security"] = [["key": []], ["header": []]] }
        return .object(document)
    }

    private static let schemas = RequestSchemas.all.reduce(into: AnswerSchemas.all) { $0[$1.key] = $1.value }

    /// Endpoints that only refuse what other servers have are not described.
    static let paths: JSONObject = {
        var paths = JSONObject()
        for endpoint in Endpoint.all {
            guard let operation = OperationTable.all["\(endpoint.method) \(endpoint.pattern)"] else { continue }
            var path = paths[endpoint.pattern]?.objectValue ?? [:]
            path[endpoint.method.lowercased()] = operation.json(endpoint, id: identity(endpoint))
            paths[endpoint.pattern] = .object(path)
        }
        return paths
    }()

    /// Like `post_v1_chat_completions`.
    private static func identity(_ endpoint: Endpoint) -> String {
        let words = endpoint.pattern.split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
        return ([endpoint.method.lowercased()] + words.map(String.init)).joined(separator: "_")
    }
}

extension APIService {
    func describe(_ exchange: Exchange) {
        exchange.respond(OpenAPIDocument.json(version: configuration.version, needsKey: !configuration.keys.isEmpty))
    }
}
