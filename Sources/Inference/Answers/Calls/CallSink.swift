import Generation

/// Collects the calls that scanners find, as parts for the client.
struct CallSink: Sendable {
    /// Calls of one answer; what follows them is not read.
    static let mostCalls = 128

    /// Those that may be called, by name.
    let functions: [String: ToolFunction]
    private let makeIdentity: @Sendable () -> String
    /// Calls that have begun.
    private(set) var count = 0
    /// A call has begun and not ended.
    private(set) var isOpen = false
    private var hasArguments = false
    private var arguments: [UInt8] = []
    private var parts: [ToolCallPart] = []

    init(functions: [ToolFunction], makeIdentity: @escaping @Sendable () -> String) {
        self.functions = Dictionary(functions.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        self.makeIdentity = makeIdentity
    }

    /// A call of this function begins. False: it is none that may be called.
    mutating func begin(_ name: String) -> Bool {
        guard functions[name] != nil, count < Self.mostCalls else { return false }
        parts.append(ToolCallPart(index: count, id: makeIdentity(), name: name))
        count += 1
        isOpen = true
        hasArguments = false
        return true
    }

    /// More of the arguments' JSON text.
    mutating func append(_ byte: UInt8) {
        hasArguments = true
        arguments.append(byte)
    }

    mutating func append(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { append(byte) }
    }

    mutating func end() {
        guard isOpen else { return }
        if !hasArguments { append("{}".utf8) }
        flush()
        isOpen = false
    }

    /// The parts since the last time. Arguments are whole characters where the text so far is.
    mutating func take() -> [ToolCallPart] {
        flush()
        defer { parts = [] }
        return parts
    }

    private mutating func flush() {
        guard !arguments.isEmpty else { return }
        parts.append(ToolCallPart(index: count - 1, arguments: String(decoding: arguments, as: UTF8.self)))
        arguments = []
    }
}
