import JSON
import Testing

@Suite("Lookups")
struct JSONCursorTests {
    private let document = JSONCursor([
        "model": "auto", "n": 2, "temperature": 0.5, "whole": 3.0, "stream": true, "user": nil,
        "messages": [["role": "user", "content": "hi"], ["role": 7]],
    ])

    @Test("values are found by their path")
    func found() throws {
        #expect(try document["model"].string() == "auto")
        #expect(try document["n"].int() == 2)
        #expect(try document["n"].double() == 2)
        #expect(try document["whole"].int() == 3)
        #expect(try document["temperature"].double() == 0.5)
        #expect(try document["stream"].bool())
        #expect(try document["messages"][0]["role"].string() == "user")
        #expect(try document["messages"].array().map(\.path) == ["messages[0]", "messages[1]"])
        #expect(try document["messages"][0].members().map { $0.value.path } == ["messages[0].role", "messages[0].content"])
    }

    @Test("missing and null are nil to the optional readers and errors to the others")
    func absent() throws {
        #expect(try document["user"].optionalString() == nil)
        #expect(try document["seed"].optionalInt() == nil)
        #expect(try document["a"]["b"][3].optionalInt() == nil)
        #expect(!document["user"].exists && document["n"].exists && !document["seed"].exists)
        #expect(message { try document["seed"].int() } == "seed: missing; expected an integer")
        #expect(message { try document["user"].string() } == "user: expected a string, found null")
        #expect(message { try document["messages"][2]["role"].string() } == "messages[2].role: missing; expected a string")
    }

    @Test("another kind is an error that names the place and both kinds")
    func wrongKind() {
        #expect(message { try document["messages"][1]["role"].string() } == "messages[1].role: expected a string, found an integer")
        #expect(message { try document["temperature"].optionalInt() } == "temperature: expected an integer, found a number")
        #expect(message { try document["model"]["name"].optionalString() } == "model: expected an object, found a string")
        #expect(message { try document["model"][0]["name"].optionalString() } == "model: expected an array, found a string")
        #expect(message { try JSONCursor(5).object() } == "expected an object, found an integer")
    }

    @Test("bounds are checked at both ends")
    func bounds() throws {
        #expect(try document["n"].int(in: 1...2) == 2)
        #expect(message { try document["n"].int(in: 3...9) } == "n: expected an integer from 3 to 9, found 2")
        #expect(message { try document["temperature"].optionalDouble(in: 1...2) } == "temperature: expected a number from 1.0 to 2.0, found 0.5")
    }

    private func message<Value>(_ read: () throws -> Value) -> String? {
        do {
            _ = try read()
            return nil
        } catch {
            return "\(error)"
        }
    }
}
