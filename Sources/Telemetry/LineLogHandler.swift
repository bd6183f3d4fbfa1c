public import Logging

/// Writes each message as one line, as text for people or as JSON, to a sink.
///
/// Logs say what happened and to which request, never what was said in it: no prompt, no answer, no key. Long values are
/// cut, so that a mistake cannot put a whole prompt into the log. Fields are sorted by name.
public struct LineLogHandler: LogHandler {
    public enum Format: String, Sendable, CaseIterable { case text, json }

    /// Bytes of a message or of one field's text.
    public static let maximumFieldBytes = 512

    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    private let format: Format
    private let sink: any LogSink
    private let clock: any TelemetryClock

    public init(
        level: Logger.Level, format: Format = .text, sink: any LogSink = StandardErrorSink.shared,
        clock: any TelemetryClock = SystemClock()
    ) {
        logLevel = level
        self.format = format
        self.sink = sink
        self.clock = clock
    }

    public subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var fields = metadata
        for more in [metadataProvider?.get(), event.metadata] {
            if let more { fields.merge(more) { _, later in later } }
        }
        if let error = event.error { fields["error"] = fields["error"] ?? "\(error)" }
        let line = LogLine(
            wallMilliseconds: clock.wallMilliseconds, level: event.level, message: LogLine.cut(event.message.description),
            fields: fields.sorted { $0.key < $1.key }.map { (name: $0.key, value: LogField($0.value)) })
        sink.write(format == .json ? line.json : line.text)
    }
}
