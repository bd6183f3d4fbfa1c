import JSON
import Testing

@testable import Grammars

struct SchemaTests {
    static func grammar(_ schema: String, _ change: (inout SchemaOptions) -> Void = { _ in }) throws -> Grammar {
        var options = SchemaOptions()
        change(&options)
        var builder = GrammarBuilder(limits: .unhurried)
        let root = try builder.schema(JSONValue.parse(schema), options: options)
        return try builder.grammar(root)
    }

    private func check(_ schema: String, _ matching: [String], _ others: [String], _ change: (inout SchemaOptions) -> Void = { _ in }) throws {
        let grammar = try Self.grammar(schema, change)
        for text in matching { #expect(grammar.matches(text), "\(schema) on \(text)") }
        for text in others { #expect(!grammar.matches(text), "\(schema) on \(text)") }
    }

    @Test("members come in the declared order, required ones always, others where the schema says so")
    func objects() throws {
        let schema = ##"{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"},"c":{"type":"null"}},"required":["b"]}"##
        try check(
            schema, [##"{"b":"x"}"##, ##"{"a":1,"b":""}"##, ##"{"a": -20, "b": "x", "c": null}"##, "{\n  \"b\": \"x\"\n}"],
            ["{}", ##"{"b":"x","a":1}"##, ##"{"a":1}"##, ##"{"b":"x","d":1}"##, ##"{"b":"x","b":"y"}"##, ##"{"b" :"x"}"##, ##" {"b":"x"}"##, ##"{"b":"x",}"##])
        try check(schema, [##"{"b":"x","d":[1,{"e":2}]}"##, ##"{"c":null,"b":"x"}"##], [##"{"c":null}"##]) {
            ($0.allowsUndeclaredMembers, $0.order) = (true, .any)
        }
        try check(##"{"type":"object"}"##, ["{}", ##"{"x":{"y":[]}}"##], ["[]", "1"])
        try check(##"{"type":"object","required":["z"],"properties":{"a":{}}}"##, [##"{"z":1}"##, ##"{"a":[],"z":{}}"##], ["{}", ##"{"a":1}"##])
        try check(
            ##"{"type":"object","additionalProperties":{"type":"integer"},"minProperties":1,"maxProperties":2}"##,
            [##"{"a":1}"##, ##"{"a":1,"b":2}"##], ["{}", ##"{"a":1,"b":2,"c":3}"##, ##"{"a":"x"}"##])
        try check(
            ##"{"type":"object","patternProperties":{"^n":{"type":"integer"},"s$":{"minimum":5}},"additionalProperties":false}"##,
            [##"{"n":1}"##, ##"{"xs":7}"##, ##"{"ns":5}"##], [##"{"ns":1}"##, ##"{"x":1}"##, ##"{"n":"a"}"##])
    }

    @Test("arrays have prefixes, element schemas and numbers of elements, however large")
    func arrays() throws {
        try check(##"{"type":"array","items":{"type":"boolean"},"minItems":1,"maxItems":2}"##, ["[true]", "[true, false]"], ["[]", "[1]", "[true,true,true]"])
        try check(##"{"prefixItems":[{"const":1},{"const":2}],"items":false}"##, ["[]", "[1]", "[1,2]"], ["[2]", "[1,2,3]"])
        let many = "[" + [String](repeating: "0", count: 5000).joined(separator: ",") + "]"
        try check(##"{"type":"array","minItems":5000,"maxItems":1000000}"##, [many], ["[0]"])
    }

    @Test("strings have lengths in characters, patterns that are searched for, and formats")
    func strings() throws {
        try check(##"{"type":"string","minLength":2,"maxLength":3}"##, [##""ab""##, ##""é😀n""##, ##""\n\u0041""##, ##""\ud83d\ude00a""##], [##""a""##, ##""abcd""##, ##""\ud83d\ude00""##, ##""\ud83d""##])
        try check(##"{"type":"string","pattern":"b+"}"##, [##""abba""##, ##""\"b""##], [##""a""##])
        try check(##"{"type":"string","pattern":"^a.c$","maxLength":3}"##, [##""abc""##, ##""a\"c""##], [##""abcc""##, "\"a\nc\""])
        try check(##"{"type":"string","format":"date"}"##, [##""2024-02-29""##], [##""2023-02-29""##, ##""2024-13-01""##])
        try check(##"{"type":"string","format":"ipv6"}"##, [##""::1""##, ##""1:2:3:4:5:6:7:8""##, ##""fe80::1.2.3.4""##, ##""::""##], [##""1:2""##, ##"":::""##, ##""1::2::3""##])
        try check(##"{"type":"string","format":"uuid"}"##, [##""123e4567-e89b-12d3-a456-426614174000""##], [##""123""##])
        try check(##"{"type":"string","maxLength":262144}"##, [##""abc""##], ["1"])
    }

    @Test("numbers have bounds and divisors")
    func numbers() throws {
        try check(##"{"type":"integer","minimum":-5,"maximum":120}"##, ["-5", "0", "99", "120"], ["-6", "121", "1.5", "01", "-0"])
        try check(##"{"type":"number","exclusiveMinimum":0.25,"maximum":3.5}"##, ["0.2500001", "1", "3.5", "3.50", "0.3"], ["0.25", "0.2", "3.51", "4", "-1", "0.250"])
        try check(##"{"type":"number","minimum":-1.5}"##, ["-1.5", "-1.49", "0", "17.25"], ["-1.51", "-2"])
        try check(##"{"type":"number","maximum":-2}"##, ["-2", "-2.5", "-10"], ["-1.99", "0", "2"])
        try check(##"{"type":"number","multipleOf":0.25}"##, ["0", "0.5", "-1.75", "3.250"], ["0.3", "1.1"])
        try check(##"{"type":"integer","multipleOf":7}"##, ["0", "14", "-700"], ["1", "15"])
        try check(##"{"type":"number"}"##, ["1e5", "-0.5E-3", "1.25"], ["1.", ".5", "1e"])
    }

    @Test("schemas combine: alternatives, conjunctions, references, recursion, constants")
    func combinations() throws {
        try check(##"{"anyOf":[{"type":"integer"},{"type":"string","maxLength":1}]}"##, ["12", ##""a""##], [##""ab""##, "null"])
        try check(##"{"allOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},{"properties":{"b":{"type":"null"}}}]}"##, [##"{"a":1}"##, ##"{"a":1,"b":null}"##], ["{}", ##"{"a":1,"c":2}"##])
        try check(
            ##"{"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},"required":["v","next"]}}}"##,
            [##"{"v":1,"next":null}"##, ##"{"v":1,"next":{"v":2,"next":null}}"##], [##"{"v":1}"##, ##"{"v":1,"next":{"v":2}}"##])
        try check(##"{"enum":["red","green",1,null,{"a":[1]}]}"##, [##""red""##, "1", "null", ##"{"a":[1]}"##], [##""re""##, "2"])
        try check(##"{"const":{"b":2,"a":"x"}}"##, [##"{"b":2,"a":"x"}"##], [##"{"b":2}"##])
        try check(##"{"type":["string","null"]}"##, ["null", ##""""##], ["1"])
        try check(##"{"type":"string","enum":["a","bb"],"minLength":2}"##, [##""bb""##], [##""a""##])
        try check(##"{"type":"object","properties":{"a":{},"b":{}},"dependentRequired":{"a":["b"]}}"##, ["{}", ##"{"b":1}"##, ##"{"a":1,"b":1}"##], [##"{"a":1}"##])
        try check("true", ["1", "{}", ##"[{"a":null}]"##], ["", "tru"])
    }

    @Test("what a reference leads to may be an alternative, also beside other keywords and twice")
    func alternativesByReference() throws {
        let either = ##""$defs":{"q":{"oneOf":[{"type":"string"},{"type":"integer"}]}}"##
        try check("{\"$ref\":\"#/$defs/q\",\(either)}", [##""a""##, "1"], ["null", "[]"])
        try check("{\"$ref\":\"#/$defs/q\",\"type\":\"integer\",\(either)}", ["1"], [##""a""##])
        try check("{\"additionalProperties\":{\"$ref\":\"#/$defs/q\"},\"type\":\"object\",\(either)}", [##"{"a":1,"b":"x"}"##], [##"{"a":null}"##])
        try check("{\"allOf\":[{\"$ref\":\"#/$defs/q\"},{\"anyOf\":[{\"$ref\":\"#/$defs/q\"},{\"type\":\"null\"}]}],\(either)}", ["1", ##""a""##], ["null"])
        // The same schema again as a branch of its own is satisfied by nothing that ends.
        #expect(throws: GrammarError.self) { try Self.grammar(##"{"$ref":"#/$defs/n","$defs":{"n":{"anyOf":[{"$ref":"#/$defs/n"},{"$ref":"#/$defs/n"}]}}}"##) }
    }

    @Test("white space is standard, compact or a pattern")
    func space() throws {
        let schema = ##"{"type":"array","items":{"type":"integer"}}"##
        try check(schema, ["[1, 2]", "[\n  1,\n  2\n]"], ["[1,  2]", "[1 ,2]"])
        try check(schema, ["[1,2]"], ["[1, 2]"]) { $0.isCompact = true }
        try check(schema, ["[1,\t2]"], ["[1, 2]"]) { $0.whitespacePattern = "\\t*" }
    }

    @Test(
        "an error names the place and the keyword",
        arguments: [
            (##"{"properties":{"a":{"type":"strin"}}}"##, GrammarError.Code.invalid, "/properties/a", "strin"),
            (##"{"$ref":"#/nowhere"}"##, .invalid, "", "nowhere"),
            (##"{"$ref":"#"}"##, .invalid, "", "itself"),
            (##"{"$ref":"http://example.com/s"}"##, .unsupported, "", "not fetched"),
            (##"{"items":{"uniqueItems":true,"type":"array"}}"##, .unsupported, "/items", "uniqueItems"),
            (##"{"type":"string","pattern":"(?=a)"}"##, .unsupported, "", "look-ahead"),
            (##"{"type":"string","pattern":"("}"##, .invalid, "", "pattern"),
            (##"{"properties":[]}"##, .invalid, "", "properties"),
            (##"{"items":{"minLength":-1}}"##, .invalid, "/items", "minLength"),
            (##"{"anyOf":[]}"##, .invalid, "", "anyOf"),
            (##"{"items":7}"##, .invalid, "/items", "a number"),
        ] as [(String, GrammarError.Code, String, String)])
    func errors(schema: String, code: GrammarError.Code, pointer: String, word: String) throws {
        let error = #expect(throws: GrammarError.self) { try Self.grammar(schema) { $0.isStrict = true } }
        #expect(error?.code == code)
        #expect(error?.message.contains(word) == true || schema.contains("\"items\":7"), "\(error?.description ?? "")")
        #expect(error?.pointer == pointer)
    }

    @Test("contradictions are refused, and what is not enforced is noted")
    func contradictions() throws {
        for schema in ["false", ##"{"allOf":[{"type":"string"},{"type":"null"}]}"##, ##"{"type":"object","required":["a"],"properties":{"a":false}}"##, ##"{"type":"string","minLength":3,"maxLength":2}"##, ##"{"type":"object","additionalProperties":{"$ref":"#"},"minProperties":1}"##] {
            let error = #expect(throws: GrammarError.self) { try Self.grammar(schema) }
            #expect(error?.code == .invalid)
        }
        let noted = try Self.grammar(##"{"type":"array","uniqueItems":true}"##)
        #expect(noted.notes == ["`uniqueItems` at the schema's root is not enforced"])
    }
}
