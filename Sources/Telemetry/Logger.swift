/// What one call of a logger says.
public struct LogEntry: Sendable {
    public var wallMilliseconds: Int64
    public var level: Logger.Level
    public var message: String
    public var fields: [LogField]
}

/// Leveled messages with fields, as text for people or as JSON lines, to standard error unless told otherwise.
///
/// Logs say what happened and to which request, never what was said in it: no prompt, no answer, no key. Long values are
/// cut so that a mistake cannot put a whole prompt into the log. Any thread; a message below the level costs a
/// comparison.
public struct Logger: Sendable {
    public enum Level: String, Sendable, CaseIterable, Comparable {
        case debug, info, warning, error
        /// Nothing is logged at this level: as a threshold it silences the logger.
        case off

        private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
        public static func < (left: Level, right: Level) -> Bool { left.rank < right.rank }
        var padded: String { rawValue + String(repeating: " ", count: max(0, 7 - rawValue.count)) }
    }

    public enum Format: String, Sendable, CaseIterable { case text, json }

    /// Bytes of a message or of one field's string.
    public static let maximumFieldBytes = 512

    public let level: Level
    public let format: Format
    private let sink: any LogSink
    private let clock: any TelemetryClock
    private var context: [LogField] = []

    public init(
        level: Level = .info, format: Format = .text, sink: any LogSink = StandardErrorSink.shared,
        clock: any TelemetryClock = SystemClock()
    ) {
        self.level = level
        self.format = format
        self.sink = sink
        self.clock = clock
    }

    /// A logger that adds `fields` to each message.
    public func with(_ fields: LogField...) -> Logger {
        var logger = self
        logger.context += fields
        return logger
    }

    public func isEnabled(_ level: Level) -> Bool { level >= self.level && level != .off }

    public func debug(_ message: @autoclosure () -> String, _ fields: KeyValuePairs<String, LogValue> = [:]) {
        if isEnabled(.debug) { log(.debug, message(), fields) }
    }

    public func info(_ message: @autoclosure () -> String, _ fields: KeyValuePairs<String, LogValue> = [:]) {
        if isEnabled(.info) { log(.info, message(), fields) }
    }

    public func warning(_ message: @autoclosure () -> String, _ fields: KeyValuePairs<String, LogValue> = [:]) {
        if isEnabled(.warning) { log(.warning, message(), fields) }
    }

    public func error(_ message: @autoclosure () -> String, _ fields: KeyValuePairs<String, LogValue> = [:]) {
        if isEnabled(.error) { log(.error, message(), fields) }
    }

    private func log(_ level: Level, _ message: String, _ fields: KeyValuePairs<String, LogValue>) {
        let all = context + fields.map { (name: $0.key, value: $0.value) }
        let entry = LogEntry(
            wallMilliseconds: clock.wallMilliseconds, level: level, message: Self.cut(message),
            fields: all.map { field in
                guard case .string(let string) = field.value else { return field }
                return (field.name, .string(Self.cut(string)))
            })
        sink.write(format == .json ? LogLine.json(entry) : LogLine.text(entry))
    }

    private static func cut(_ string: String) -> String {
        guard string.utf8.count > maximumFieldBytes else { return string }
        var end = string.utf8.index(string.utf8.startIndex, offsetBy: maximumFieldBytes)
        while end.samePosition(in: string.unicodeScalars) == nil { end = string.utf8.index(before: end) }
        return string[..<end] + "…"
    }
}
