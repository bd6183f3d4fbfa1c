/// How a model writes the calls of functions.
enum CallFormat: Sendable, CaseIterable {
    /// `<tool_call>{"name": …, "arguments": {…}}</tool_call>`: Hermes, Qwen, SmolLM. The generic prompt asks for it, too.
    case hermes
    /// The answer is `{"name": …, "parameters": {…}}`, with `;` between calls: Llama 3.
    case llama
    /// `[TOOL_CALLS]` and a JSON array.
    case mistral
    /// `[TOOL_CALLS]f[ARGS]{…}`, repeated. Both are read as Mistral's calls.
    case mistralNames
    /// The answer is `[f(a=1), g(b='x')]`, in Python's literals: Llama 4, LFM 2.
    case pythonic
    /// `<function=f>{…}</function>`: functionary 3.1.
    case functionary
    /// `>>>f` and arguments in the next line; text is for `>>>all`: functionary 3.2.
    case recipients
    /// `<tool_call><function=f><parameter=a>…</parameter></function></tool_call>`: Qwen3-Coder.
    case parameters

    /// Texts that begin calls, anywhere in the answer's text.
    var triggers: [String] {
        switch self {
        case .hermes: ["<tool_call>"]
        case .llama: ["<|python_tag|>"]
        case .mistral, .mistralNames: ["[TOOL_CALLS]"]
        case .pythonic: ["<|tool_call_start|>", "<|python_start|>"]
        case .functionary: ["<function="]
        case .recipients: [">>>"]
        case .parameters: ["<tool_call>", "<function="]
        }
    }

    /// What begins calls where nothing stands before it.
    var first: UInt8? {
        switch self {
        case .llama: UInt8(ascii: "{")
        case .pythonic: UInt8(ascii: "[")
        default: nil
        }
    }

    /// Texts that end what a trigger began; each may be missing.
    var closings: [String] {
        switch self {
        case .hermes, .parameters: ["</tool_call>"]
        case .pythonic: ["<|tool_call_end|>", "<|python_end|>"]
        case .functionary: ["</function>"]
        case .llama, .mistral, .mistralNames, .recipients: []
        }
    }

    /// Its marks, which may be special tokens; the reader must see them.
    var marks: [String] { triggers + closings + (hasShortIdentities ? ["[ARGS]", "[CALL_ID]"] : []) }

    /// A token that ends an answer which makes a call, where the vocabulary has it.
    var end: String? {
        switch self {
        case .llama, .functionary: "<|eom_id|>"
        default: nil
        }
    }

    /// Templates of Mistral take no other identities of calls.
    var hasShortIdentities: Bool { self == .mistral || self == .mistralNames }
}
