@testable import Inference

private let think: @Sendable (inout AnswerReading) -> Void = { $0.thinking = ThinkingMarks(open: "<think>", close: "</think>") }
private let thinking: @Sendable (inout AnswerReading) -> Void = {
    think(&$0)
    $0.isThinking = true
}
private let triggered: @Sendable (inout AnswerReading) -> Void = { $0.isTriggered = true }

private let thinkingCases = [
    ReadCase(text: "plain <text>", content: "plain <text>"), ReadCase(text: " \n", content: " \n"), ReadCase(text: ""),
    ReadCase(text: "<think>\nwhy\n\nso \n</think>\n\nHello <think>", content: "Hello <think>", reasoning: "why\n\nso", change: think),
    ReadCase(text: "\n<think>a</think>b", content: "b", reasoning: "a", change: think),
    ReadCase(text: "<think>\n\n</think>\n\nHello", content: "Hello", change: think),
    ReadCase(text: "  <thin", content: "  <thin", change: think), ReadCase(text: " Hello", content: " Hello", change: think),
    ReadCase(text: "\nhm </thin\n", reasoning: "hm </thin", change: thinking),
    ReadCase(text: "a </think> b </think>", content: "b </think>", reasoning: "a", change: thinking),
    ReadCase(
        format: .hermes, text: "<think>call <tool_call></think>\n<tool_call>\n{\"name\": \"time\"}\n</tool_call>", reasoning: "call <tool_call>",
        calls: [("time", "{}")], change: think),
]

private let hermesCases = [
    ReadCase(
        format: .hermes, text: "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"São Paulo\"}}\n</tool_call>",
        calls: [("weather", "{\"city\": \"São Paulo\"}")]),
    ReadCase(
        format: .hermes, text: "Let me look.\n<tool_call>{\"arguments\": {\"city\":\"a}\\\"</tool_call>\"}, \"name\": \"weather\"}</tool_call>",
        content: "Let me look.\n", calls: [("weather", "{\"city\":\"a}\\\"</tool_call>\"}")]),
    ReadCase(
        format: .hermes, text: "\n\n<tool_call>{\"name\":\"time\"}</tool_call>\n<tool_call>{\"name\":\"time\",\"arguments\":null}</tool_call>\n",
        calls: [("time", "{}"), ("time", "{}")]),
    ReadCase(
        format: .hermes, text: "<tool_call>[{\"name\": \"time\", \"arguments\": {}}, {\"name\": \"weather\", \"arguments\": {\"days\": 2}}]</tool_call> done",
        content: " done", calls: [("time", "{}"), ("weather", "{\"days\": 2}")]),
    ReadCase(
        format: .hermes, text: #"<tool_call>{"id": {"x": [1, "}"]}, "name": "weather", "arguments": "{\"city\": \"\ud83d\ude00\\n\u00e9\"}"}"#,
        calls: [("weather", "{\"city\": \"😀\\n\u{E9}\"}")]),
    // No calls.
    ReadCase(format: .hermes, text: "<tool_call>{\"name\": \"unknown\", \"arguments\": {}}</tool_call>", content: "<tool_call>{\"name\": \"unknown\", \"arguments\": {}}</tool_call>"),
    ReadCase(format: .hermes, text: "  <tool_call> text", content: "  <tool_call> text"),
    ReadCase(format: .hermes, text: "<tool_call>[]</tool_call>", content: "<tool_call>[]</tool_call>"),
    ReadCase(format: .hermes, text: "<tool_call>{}</tool_call>", content: "<tool_call>{}</tool_call>"),
    ReadCase(format: .hermes, text: "<tool_call>{\"name\": \"time\", \"arguments\": [1]}", content: "<tool_call>{\"name\": \"time\", \"arguments\": [1]}"),
    ReadCase(format: .hermes, text: "<tool_call>{\"name\": \"time\"", content: "<tool_call>{\"name\": \"time\""),
    ReadCase(
        format: .hermes, text: "<tool_call>oh <tool_call>{\"name\": \"time\"}</tool_call>", content: "<tool_call>oh ", calls: [("time", "{}")]),
    // Cut off after the function was announced.
    ReadCase(format: .hermes, text: "<tool_call>{\"name\": \"weather\", \"arguments\": {\"city\": \"Pa", calls: [("weather", "{\"city\": \"Pa")]),
    ReadCase(format: .hermes, text: "<tool_call>{\"name\": \"time\"}</tool_ca", content: "</tool_ca", calls: [("time", "{}")]),
]

private let otherCases = [
    ReadCase(format: .llama, text: "{\"name\": \"weather\", \"parameters\": {\"city\": \"Rome\"}}", calls: [("weather", "{\"city\": \"Rome\"}")]),
    ReadCase(
        format: .llama, text: "<|python_tag|>{\"type\": \"function\", \"name\": \"time\", \"parameters\": {}}; {\"name\": \"time\", \"arguments\": {\"a\":1}}",
        calls: [("time", "{}"), ("time", "{\"a\":1}")]),
    ReadCase(format: .llama, text: "{\"name\": \"Bob\", \"age\": 3}", content: "{\"name\": \"Bob\", \"age\": 3}"),
    ReadCase(format: .llama, text: "See {\"name\": \"time\"}", content: "See {\"name\": \"time\"}"),
    ReadCase(format: .llama, text: " \n{\"name\": \"time\"} \nbye", content: " \nbye", calls: [("time", "{}")]),
    ReadCase(format: .llama, text: "  {1}", content: "  {1}"),
    ReadCase(
        format: .mistral, text: "[TOOL_CALLS][{\"name\": \"weather\", \"arguments\": {\"city\": \"x\"}, \"id\": \"abcdef123\"}, {\"name\": \"time\", \"arguments\": {}}]",
        calls: [("weather", "{\"city\": \"x\"}"), ("time", "{}")]),
    ReadCase(
        format: .mistral, text: "One moment. [TOOL_CALLS]weather[ARGS]{\"city\": \"[TOOL_CALLS]\"}[TOOL_CALLS]time[CALL_ID]abcdef123[ARGS]{}", content: "One moment. ",
        calls: [("weather", "{\"city\": \"[TOOL_CALLS]\"}"), ("time", "{}")]),
    ReadCase(
        format: .mistral, text: "[TOOL_CALLS]weather{\"days\": 1}time{}\nDone [ok]", content: "\nDone [ok]", calls: [("weather", "{\"days\": 1}"), ("time", "{}")]),
    ReadCase(format: .mistral, text: "[TOOL_CALLS]nothing{}", content: "[TOOL_CALLS]nothing{}"),
    ReadCase(format: .mistral, text: "[TOOL_CALLS] time [ARGX]{}", content: "[TOOL_CALLS] time [ARGX]{}"),
    ReadCase(
        format: .pythonic, text: "[weather(city='it\\'s \"x\"', days=-2, exact=True, tags=['a', 1.5, None], either=None), time()]",
        calls: [("weather", #"{"city":"it's \"x\"","days":-2,"exact":true,"tags":["a",1.5,null],"either":null}"#), ("time", "{}")]),
    ReadCase(
        format: .pythonic, text: "Yes.<|tool_call_start|>[weather(tags={'k': (1, 2)}, city=\"a)b\\u00e9\")]<|tool_call_end|>", content: "Yes.",
        calls: [("weather", "{\"tags\":{\"k\":[1,2]},\"city\":\"a)b\u{E9}\"}")]),
    ReadCase(format: .pythonic, text: "<|tool_call_start|>[{\"name\": \"time\", \"arguments\": {}}]<|tool_call_end|>", calls: [("time", "{}")]),
    ReadCase(format: .pythonic, text: "[1, 2]", content: "[1, 2]"), ReadCase(format: .pythonic, text: "[link](time())", content: "[link](time())"),
    ReadCase(format: .pythonic, text: "[weather(city=other)]", content: "[weather(city=other)]"),
    ReadCase(format: .pythonic, text: "[time(1)]", content: "[time(1)]"), ReadCase(format: .pythonic, text: "[time(", content: "[time("),
    ReadCase(format: .functionary, text: "<function=weather>{\"city\": \"x\"}</function>", calls: [("weather", "{\"city\": \"x\"}")]),
    ReadCase(format: .functionary, text: "a <function=get.all-x></function>\n<function=time>{}", content: "a ", calls: [("get.all-x", "{}"), ("time", "{}")]),
    ReadCase(format: .functionary, text: "<function=other>{}</function>", content: "<function=other>{}</function>"),
    ReadCase(format: .recipients, text: "all\nHello", content: "Hello", change: triggered),
    ReadCase(format: .recipients, text: "weather\n{\"city\": \"x\"}", calls: [("weather", "{\"city\": \"x\"}")], change: triggered),
    ReadCase(format: .recipients, text: ">>>all\nHi\n>>>time\n{}>>>time\n{\"a\": 1}", content: "Hi\n", calls: [("time", "{}"), ("time", "{\"a\": 1}")]),
    ReadCase(format: .recipients, text: "python\nprint(1)", content: "python\nprint(1)", change: triggered),
]

private let parameterCases = [
    ReadCase(
        format: .parameters,
        text: """
            Sure.
            <tool_call>
            <function=weather>
            <parameter=city>
            1 "Main"
            Street
            </parameter>
            <parameter=days>
            3
            </parameter>
            <parameter=exact>
            True
            </parameter>
            <parameter=tags>
            ["a", 1]
            </parameter>
            <parameter=either>
            12
            </parameter>
            <parameter=more>
            not json
            </parameter>
            </function>
            </tool_call>
            """, content: "Sure.\n",
        calls: [("weather", #"{"city": "1 \"Main\"\nStreet", "days": 3, "exact": true, "tags": ["a",1], "either": "12", "more": "not json"}"#)]),
    ReadCase(format: .parameters, text: "<function=time>\n</function>\n<function=time></function>", calls: [("time", "{}"), ("time", "{}")]),
    ReadCase(format: .parameters, text: "<tool_call>{\"name\": \"time\"}</tool_call>", calls: [("time", "{}")]),
    ReadCase(format: .parameters, text: "<tool_call>\n<function=nope>\n</function>", content: "<tool_call>\n<function=nope>\n</function>"),
]

let readCases = thinkingCases + hermesCases + otherCases + parameterCases
