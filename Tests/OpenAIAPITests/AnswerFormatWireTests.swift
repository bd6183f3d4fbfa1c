import Generation
import JSON
import Testing

@testable import OpenAIAPI

struct AnswerFormatWireTests {
    private func read(_ body: String) throws -> AnswerFormat? { try AnswerFormat.read(JSONCursor(JSONValue.parse(body))) }

    @Test(
        "every spelling of a form is read, with the field that it came from",
        arguments: [
            (#"{}"#, nil, ""), (#"{"response_format":null}"#, nil, ""), (#"{"response_format":{"type":"text"}}"#, nil, ""),
            (#"{"response_format":{"type":"json_object"}}"#, .jsonObject, "response_format"),
            (#"{"response_format":{"type":"json_object","schema":{"type":"array"}}}"#, .jsonSchema(AnswerSchema(["type": "array"])), "response_format.schema"),
            (
                #"{"response_format":{"type":"json_schema","json_schema":{"name":"a-b_1","schema":{"type":"null"},"strict":true,"description":"d"}}}"#,
                .jsonSchema(AnswerSchema(["type": "null"], name: "a-b_1", description: "d", isStrict: true)), "response_format.json_schema.schema"
            ),
            (#"{"response_format":{"type":"regex","schema":"a+"}}"#, .regularExpression("a+"), "response_format.schema"),
            (#"{"guided_json":"{\"type\":\"null\"}"}"#, .jsonSchema(AnswerSchema(["type": "null"])), "guided_json"),
            (#"{"guided_regex":"x"}"#, .regularExpression("x"), "guided_regex"), (#"{"guided_choice":["a","b"]}"#, .choice(["a", "b"]), "guided_choice"),
            (#"{"guided_grammar":"root ::= \"a\""}"#, .grammar("root ::= \"a\""), "guided_grammar"), (#"{"grammar":"g"}"#, .grammar("g"), "grammar"),
            (#"{"json_schema":{"type":"null"}}"#, .jsonSchema(AnswerSchema(["type": "null"])), "json_schema"),
            (#"{"guided_json_object":false}"#, nil, ""), (#"{"structured_outputs":{"choice":["a"],"regex":null}}"#, .choice(["a"]), "structured_outputs.choice"),
            (
                #"{"structured_outputs":{"json":true,"disable_any_whitespace":true,"disable_additional_properties":false}}"#,
                .jsonSchema(AnswerSchema(true, isCompact: true, allowsUndeclaredMembers: true)), "structured_outputs.json"
            ),
        ] as [(String, AnswerFormat.Kind?, String)])
    func spellings(body: String, kind: AnswerFormat.Kind?, field: String) throws {
        let format = try read(body)
        #expect(format?.kind == kind)
        #expect(format?.field == kind.map { _ in field })
    }

    @Test("a pattern of white space goes with a schema")
    func whitespace() throws {
        for body in [#"{"guided_json":{},"guided_whitespace_pattern":"\\n"}"#, #"{"structured_outputs":{"json":{},"whitespace_pattern":"\\n"}}"#] {
            guard case .jsonSchema(let schema)? = try read(body)?.kind else { throw JSONError(.missing, "no schema") }
            #expect(schema.whitespacePattern == "\\n")
        }
    }

    @Test(
        "what is malformed or given twice is refused by its path",
        arguments: [
            (#"{"response_format":{"type":"xml"}}"#, "response_format.type"), (#"{"response_format":{"type":"json_schema"}}"#, "response_format.json_schema"),
            (#"{"response_format":{"type":"json_schema","json_schema":{"schema":{}}}}"#, "response_format.json_schema.name"),
            (#"{"response_format":{"type":"json_schema","json_schema":{"name":"a b"}}}"#, "response_format.json_schema.name"),
            (#"{"response_format":{"type":"json_schema","json_schema":{"name":"a","shema":{}}}}"#, "response_format.json_schema.shema"),
            (#"{"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":[]}}}"#, "response_format.json_schema.schema"),
            (#"{"response_format":"json_object"}"#, "response_format"), (#"{"guided_choice":[]}"#, "guided_choice"), (#"{"guided_choice":["a",1]}"#, "guided_choice[1]"),
            (#"{"guided_json":"nonsense"}"#, "guided_json"), (#"{"guided_json":{},"guided_regex":"a"}"#, "guided_regex"),
            (#"{"response_format":{"type":"json_object"},"grammar":"g"}"#, "grammar"), (#"{"guided_regex":"a","guided_whitespace_pattern":" "}"#, "guided_whitespace_pattern"),
            (#"{"structured_outputs":{}}"#, "structured_outputs"), (#"{"structured_outputs":{"json":{},"regex":"a"}}"#, "structured_outputs.regex"),
            (#"{"structured_outputs":{"jason":{}}}"#, "structured_outputs.jason"), (#"{"structured_outputs":{"structural_tag":"x"}}"#, "structured_outputs.structural_tag"),
        ])
    func refused(body: String, path: String) throws {
        let error = #expect(throws: JSONError.self) { try read(body) }
        #expect(error?.path == path)
    }
}
