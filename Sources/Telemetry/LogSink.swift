internal import Glibc
import Synchronization

/// Takes finished lines, without line ends. Called on any thread.
public protocol LogSink: Sendable {
    func write(_ line: String)
}

/// Standard error. It never waits for its reader: lines that the reader has not taken are kept up to `backlogBytes`; further
/// ones are dropped and counted. So a log reader that is stuck cannot stop the loop.
public final class StandardErrorSink: LogSink {
    public static let shared = StandardErrorSink()

    private static let backlogBytes = 256 * 1024
    /// A write of at most PIPE_BUF bytes to a pipe that is ready is whole and does not wait.
    private static let atomicBytes = 4096

    private struct State {
        var backlog: [UInt8] = []
        var dropped = 0
    }

    private let state = Mutex(State())
    private let descriptor: CInt

    init(descriptor: CInt = STDERR_FILENO) { self.descriptor = descriptor }

    public func write(_ line: String) {
        state.withLock { state in
            if state.backlog.count + line.utf8.count > Self.backlogBytes {
                state.dropped += 1
            } else {
                if state.dropped > 0 { state.backlog += "(\(state.dropped) log lines were dropped: the reader was too slow)\n".utf8 }
                state.dropped = 0
                state.backlog += line.utf8
                state.backlog.append(0x0A)
            }
            flush(&state)
        }
    }

    private func flush(_ state: inout State) {
        var done = 0
        while done < state.backlog.count {
            var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard poll(&request, 1, 0) > 0, request.revents & Int16(POLLOUT) != 0 else { break }
            let count = min(Self.atomicBytes, state.backlog.count - done)
            let written = state.backlog.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress?.advanced(by: done), count) }
            guard written > 0 else { break }
            done += written
        }
        state.backlog.removeFirst(done)
    }
}

/// Keeps lines in memory: for tests.
public final class MemoryLogSink: LogSink {
    private let stored = Mutex<[String]>([])
    public init() {}
    public func write(_ line: String) { stored.withLock { $0.append(line) } }
    public var lines: [String] { stored.withLock { $0 } }
}
