import JSON
import Testing
import UV

@testable import OpenAIAPI

@Suite("The description of the API") struct DescriptionTests {
    private func document() throws -> JSONObject {
        try #require(OpenAPIDocument.json(version: "1.2.3", needsKey: true).objectValue)
    }

    @Test("it has every endpoint that does something, and no other")
    func isComplete() throws {
        // Those of Ollama's that are only refused.
        let refused: Set = ["pull", "push", "create", "copy", "delete", "blobs", "me", "signout", "signin"]
        let endpoints = Set(
            Endpoint.all.filter { endpoint in !(endpoint.pattern.hasPrefix("/api/") && endpoint.pattern.split(separator: "/").contains { refused.contains(String($0)) }) }
                .map { "\($0.method) \($0.pattern)" })
        #expect(endpoints.subtracting(OperationTable.all.keys) == [], "they are not described")
        #expect(Set(OperationTable.all.keys).subtracting(Endpoint.all.map { "\($0.method) \($0.pattern)" }) == [], "there is no such endpoint")
    }

    @Test("every reference leads to a schema, and operations have names of their own")
    func references() throws {
        let document = try document()
        let schemas = try #require(document["components"]?["schemas"]?.objectValue)
        var identities: [String] = []
        func walk(_ value: JSONValue) {
            switch value {
            case .array(let elements): elements.forEach(walk)
            case .object(let members):
                for (name, member) in members {
                    if name == "$ref", let text = member.stringValue {
                        #expect(schemas[String(text.dropFirst("#/components/schemas/".count))] != nil, "\(text)")
                    }
                    if name == "operationId", let text = member.stringValue { identities.append(text) }
                    walk(member)
                }
            default: break
            }
        }
        walk(.object(document))
        #expect(identities.count == OperationTable.all.count)
        #expect(Set(identities).count == identities.count)
    }

    @Test(
        "the schemas of bodies have the fields that are read",
        arguments: [
            ("ChatCompletionRequest", FieldNames.chat), ("CompletionRequest", FieldNames.completion), ("EmbeddingRequest", FieldNames.embedding),
            ("Message", FieldNames.message),
        ])
    func fields(schema: String, read: Set<String>) throws {
        let described = try #require(RequestSchemas.all[schema]?["properties"]?.objectValue).map(\.key)
        #expect(Set(described) == read)
        #expect(Set(described).count == described.count)
    }

    /// The answers' own tests have these statuses and bodies.
    @Test("it has the statuses that are no errors, the errors of each dialect, and no schema for what comes in pieces")
    func answers() throws {
        func responses(_ method: String, _ path: String) throws -> JSONObject {
            try #require(OpenAPIDocument.paths[path]?[method]?["responses"]?.objectValue)
        }
        #expect(try Set(responses("put", "/v1/adapters/{name}").map(\.key)) == ["201", "default"])
        let ready = try responses("get", "/ready")
        #expect(ready["503"] == ready["200"])
        for path in ["/", "/generate", "/generate_stream"] {
            let post = try responses("post", path)
            #expect(post["default"]?["content"]?["application/json"]?["schema"] == SchemaText.reference("LoRAXError"), "\(path)")
        }
        #expect(try responses("post", "/generate_stream")["200"]?["content"]?["text/event-stream"] == [:])
    }

    @LoopActor @Test("it is served with the program's version, and asks for a key where the server does")
    func served() async throws {
        let open = try await TestAPI().send("GET", "/openapi.json").json()
        #expect(open["openapi"] == "3.1.0")
        #expect(open["security"] == nil)
        let closed = TestAPI(configure: { $0.keys = try! APIKeys(file: "sk-one\n") })
        #expect(await closed.send("GET", "/openapi.json").status == 401)
        let answer = try await closed.send("GET", "/openapi.json", headers: ["Authorization": "Bearer sk-one"]).json()
        #expect(answer["security"] != nil)
        #expect(answer["paths"]?["/health"]?["get"]?["security"] == [])
    }
}
