import JSON
import Testing

@testable import Generation

@Suite struct ToolCallTests {
    @Test(arguments: [
        (nil, [:]), (.null, [:]), ("", [:]), (" \n", [:]), ("null", [:]), ("{}", [:]), ("{\"a\": 1}", ["a": 1]), (["a": 1], ["a": 1]),
        ("{\"a\": ", "{\"a\": "), ("plain words", "plain words"), ("[1]", [1]), ([1], [1]),
    ] as [(JSONValue?, JSONValue)])
    func argumentsAreWhatTheClientMeant(sent: JSONValue?, arguments: JSONValue) {
        #expect(ToolCall.arguments(sent) == arguments)
    }
}
