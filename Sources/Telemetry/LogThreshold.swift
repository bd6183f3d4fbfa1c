public import Logging

/// The least level that is logged; `off` logs nothing.
public enum LogThreshold: String, Sendable, CaseIterable {
    case debug, info, warning, error, off

    fileprivate var level: Logger.Level? {
        switch self {
        case .debug: .debug
        case .info: .info
        case .warning: .warning
        case .error: .error
        case .off: nil
        }
    }
}

extension Logger {
    /// A logger that writes lines to a sink, standard error unless the caller gives another.
    public init(
        _ label: String = "lmoe", threshold: LogThreshold = .info, format: LineLogHandler.Format = .text,
        sink: any LogSink = StandardErrorSink.shared, clock: any TelemetryClock = SystemClock()
    ) {
        self.init(label: label) { _ in
            guard let level = threshold.level else { return SwiftLogNoOpLogHandler() }
            return LineLogHandler(level: level, format: format, sink: sink, clock: clock)
        }
    }
}
