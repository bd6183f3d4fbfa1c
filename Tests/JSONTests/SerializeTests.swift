import JSON
import Testing

@Suite("Serialising")
struct SerializeTests {
    @Test("the text is compact, in the members' order, with only the needed escapes")
    func compact() {
        let value: JSONValue = ["b": [1, 2.5, nil, true], "a": "\"\\/\n\t\r\u{8}\u{c}\u{1}\u{1f}é😀\0", "e": [:], "f": []]
        #expect(
            value.serialized()
                == #"{"b":[1,2.5,null,true],"a":"\"\\/\n\t\r\b\f\u0001\u001fé😀\u0000","e":{},"f":[]}"#)
    }

    @Test("the pretty text has a member a line")
    func pretty() {
        #expect(
            JSONValue.object(["a": [1, [:]], "b": []]).serialized(pretty: true)
                == "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}")
    }

    @Test("a double reads back equal and stays a number", arguments: [
        0.0, 1.0, -1.0, 0.1, 1e16, 1e-5, 1.7976931348623157e308, .leastNonzeroMagnitude, 123456789.123456789, 9007199254740992.0,
    ])
    func doubles(value: Double) throws {
        let text = JSONValue.number(value).serialized()
        #expect(try JSONValue.parse(text) == .number(value))
        #expect(text.utf8.count <= 24)
    }

    @Test("what JSON cannot say becomes null")
    func notFinite() {
        #expect(JSONValue.array([.number(.nan), .number(.infinity)]).serialized() == "[null,null]")
    }

    @Test("appending leaves what was there")
    func appending() {
        var bytes = Array("data: ".utf8)
        JSONValue.object(["a": 1]).serialize(into: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == "data: {\"a\":1}")
    }
}
