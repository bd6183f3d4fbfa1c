import Generation
import JSON

/// The text of one token, which may be part of a character.
extension TokenLogprob.Alternative {
    /// For chat, where the bytes stand beside it: bytes that are not text become U+FFFD.
    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// For completions, where no bytes stand beside it: `bytes:\xf0\x9f`, as OpenAI writes half a character.
    var completionText: String {
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        let digits = Array("0123456789abcdef".utf8)
        var escaped = Array("bytes:".utf8)
        for byte in bytes { escaped += [UInt8(ascii: "\\"), UInt8(ascii: "x"), digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        return String(decoding: escaped, as: UTF8.self)
    }

    /// vLLM's name of a token whose text may not be its own.
    var idText: String { "token_id:\(token)" }

    /// JSON has no infinities; OpenAI writes -9999 for a token that is impossible.
    var logprobJSON: JSONValue { logprob.isFinite ? JSONValue(shortest: logprob) : -9999.0 }
}

extension JSONValue {
    /// The double whose text is the shortest one of the f32, so that `0.1` is not written as `0.10000000149011612`.
    init(shortest value: Float) { self = .number(Double(value.description) ?? Double(value)) }
}
