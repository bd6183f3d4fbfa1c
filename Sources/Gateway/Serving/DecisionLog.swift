internal import Dispatch
internal import Glibc
import Generation
import JSON
import OpenAIAPI
import Routing
internal import Synchronization
internal import Telemetry

/// How decisions are written down.
public struct DecisionLogSettings: Sendable, Equatable {
    public var path: String
    /// Of the decisions, by request id: 1 writes all of them.
    public var share = 1.0
    /// With the texts that were embedded and the nearest examples; otherwise no word of a prompt is written.
    public var hasPrompts = false
    /// A file that would grow beyond it becomes `PATH.1`, in the place of the one before: twice this is the most there is.
    public var limitBytes = 64 << 20

    public init(path: String) { self.path = path }
}

/// The router's decisions, and the facts that answered, as JSON lines in a file, for owners of adapters. Any thread; lines are written on a
/// queue of its own.
/// When the disk is too slow, lines are dropped and counted: no request waits for it.
final class DecisionLog: Sendable {
    private let settings: DecisionLogSettings
    private let queue = DispatchQueue(label: "lmoe.decisions", qos: .utility)
    private let waiting = Atomic(0)
    private let lost = Atomic(0)
    private let file: LimitedFile
    private static let mostWaiting = 1_024

    /// Errors: `notOpened` when the file cannot be written.
    init(_ settings: DecisionLogSettings) throws(GatewayError) {
        self.settings = settings
        file = LimitedFile(path: settings.path, limitBytes: settings.limitBytes)
        if let problem = queue.sync(execute: { [file] in file.open() }) {
            throw GatewayError(.notOpened, "the decision log cannot be written: \(problem)", place: settings.path)
        }
    }

    /// Lines that were dropped.
    var dropped: Int { lost.load(ordering: .relaxed) }

    func note(_ decision: RouteDecision, _ question: RouteQuestion) {
        append(question.requestID) { [self] time in line(decision, question, time: time) }
    }

    /// A prompt that a fact answered. Other prompts leave no line.
    func note(_ memory: MemoryRecord, of record: RequestRecord) {
        guard let recall = memory.recall else { return }
        append(record.id) { time in
            var object: JSONObject = ["time": .number(time), "id": .string(record.id)]
            object["key"] = record.key.map(JSONValue.string) ?? .null
            object["prompt"] = .integer(Int64(memory.prompt))
            object["adapter"] = memory.adapter.map(JSONValue.string) ?? .null
            object["memory"] = recall.json
            object["asked"] = .array(memory.asked.map { .string($0.memory) })
            object["ms"] = .number((memory.asked.reduce(0) { $0 + $1.milliseconds } * 1000).rounded() / 1000)
            return JSONValue.object(object).serializedBytes() + [0x0A]
        }
    }

    private func append(_ requestID: String, _ line: @escaping @Sendable (_ time: Double) -> [UInt8]) {
        guard EvenDraw.fraction(["decision log", requestID]) < settings.share else { return }
        guard waiting.add(1, ordering: .relaxed).newValue <= Self.mostWaiting else {
            waiting.subtract(1, ordering: .relaxed)
            lost.add(1, ordering: .relaxed)
            return
        }
        let time = Self.now()
        queue.async { [self] in
            if !file.write(line(time)) { lost.add(1, ordering: .relaxed) }
            waiting.subtract(1, ordering: .relaxed)
        }
    }

    /// Everything that was noted before is in the file.
    func flush() { queue.sync {} }

    private func line(_ decision: RouteDecision, _ question: RouteQuestion, time: Double) -> [UInt8] {
        var object: JSONObject = ["time": .number(time), "id": .string(question.requestID)]
        object["key"] = question.caller.key.map(JSONValue.string) ?? .null
        object["served"] = .bool(question.isServed)
        let explanation = settings.hasPrompts ? decision.json.objectValue ?? [:] : DecisionLine.withoutTexts(decision)
        for (key, value) in explanation { object[key] = value }
        object["ms"] = .number((decision.milliseconds * 1000).rounded() / 1000)
        return JSONValue.object(object).serializedBytes() + [0x0A]
    }

    /// Unix seconds, to the millisecond.
    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec / 1_000_000) / 1000
    }
}

/// A file that grows to a limit, and a second one with what was in it before.
///
/// `@unchecked Sendable`: only the queue of its one owner, `DecisionLog`, calls it; `rotationKeepsTheLog…` would see torn lines.
private final class LimitedFile: @unchecked Sendable {
    private let path: String
    private let limitBytes: Int
    private var descriptor: CInt = -1
    private var bytes = 0

    init(path: String, limitBytes: Int) {
        self.path = path
        self.limitBytes = limitBytes
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Why the file cannot be opened, or nil.
    ///
    /// Only the owner may read which caller asked what: a file that others could read until now is closed to them. A pipe without a
    /// reader is an error; opening it does not wait for one.
    func open() -> String? {
        descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0o600)
        guard descriptor >= 0 else { return errno == ENXIO ? "a pipe that no process reads" : String(cString: strerror(errno)) }
        // Lines are written whole: only the log's own queue waits for a slow reader.
        guard fcntl(descriptor, F_SETFL, O_APPEND) == 0 else { return fail("its flags cannot be set") }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return fail("its size cannot be read") }
        let isFile = status.st_mode & S_IFMT == S_IFREG
        if isFile, status.st_mode & 0o077 != 0, fchmod(descriptor, 0o600) != 0 { return fail("others can read it, and that cannot be changed") }
        bytes = isFile ? Int(status.st_size) : 0
        return nil
    }

    private func fail(_ problem: String) -> String {
        let reason = String(cString: strerror(errno))
        close(descriptor)
        descriptor = -1
        return "\(problem): \(reason)"
    }

    /// False when it could not be written.
    func write(_ line: [UInt8]) -> Bool {
        if bytes > 0, bytes + line.count > limitBytes {
            guard rename(path, "\(path).1") == 0 else { return false }
            close(descriptor)
            descriptor = -1
        }
        guard descriptor >= 0 || open() == nil else { return false }
        var done = 0
        while done < line.count {
            let count = line.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress?.advanced(by: done), line.count - done) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            done += count
        }
        bytes += done
        return true
    }
}
