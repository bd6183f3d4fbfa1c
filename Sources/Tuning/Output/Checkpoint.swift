import Adapters
public import JSON
import Tensors
import Weights

/// Everything that an exact resume of one task needs, in one safetensors file: parameters, moments, the best parameters so far, and as JSON
/// in the file's metadata the step, the counters, all settings and what identifies base and data.
///
/// A run that is resumed from it ends with the same bits as one that was never interrupted. The file carries a digest of all that it holds:
/// a damaged one is an error.
public struct Checkpoint: Sendable {
    public let path: String
    public let task: String
    public let base: BaseIdentity
    /// Optimiser steps that were done.
    public let step: Int
    /// What the caller stored beside it, such as `TuningHistory.document`.
    public let extra: JSONObject
    let document: JSONCursor
    let tensors: [String: TensorView]

    static let version = 1
    private static let documentKey = "lmoe_checkpoint"
    private static let digestKey = "lmoe_digest"
    static let parametersName = "parameters"
    static let bestName = "best"

    static func momentName(_ state: Optimiser.State) -> String { "optimiser.\(state.name)" }

    // MARK: Writing

    /// Writes the state of a task at the end of its last whole optimiser step, at any time between two rounds of its session. What a step
    /// under way has computed is not kept: the resumed run computes that step again.
    ///
    /// The file is written beside its place, flushed to the disk and renamed. Errors: `io`. Cost: O(parameters); nothing is copied.
    public static func write(_ task: TuningTask, base: BaseIdentity, extra: JSONObject = [:], to path: String) throws(TuningError) {
        var views: [TensorView] = []
        func add(_ name: String, _ buffer: FloatBuffer) {
            if let view = TensorView(name: name, shape: [buffer.count], buffer: buffer), buffer.count > 0 { views.append(view) }
        }
        add(parametersName, task.adapter.parameters)
        if let best = task.best { add(bestName, best) }
        for state in task.optimiser.states { add(momentName(state), state.buffer) }
        let text = JSONValue.object(task.checkpointDocument(base: base, extra: extra)).serialized()
        do throws(WeightsError) {
            let metadata = [documentKey: text, digestKey: digest(text, views)]
            try SafetensorsWriter.write(views, metadata: metadata, to: path)
        } catch {
            throw TuningError(.io, error.message, file: path)
        }
        do throws(AdapterError) {
            try FolderCopy.flushFolder(path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ".")
        } catch {
            throw TuningError(.io, error.message, file: path)
        }
    }

    private static func digest(_ text: String, _ tensors: [TensorView]) -> String {
        var parts = [ContentDigest(of: text)]
        for tensor in tensors.sorted(by: { $0.name < $1.name }) {
            parts.append(ContentDigest(of: tensor.name))
            parts.append(tensor.withUnsafeBytes { ContentDigest(of: $0) })
        }
        return ContentDigest(of: parts).hexadecimal
    }

    // MARK: Reading

    /// Opens and checks a checkpoint. Errors: `notFound`; `malformed` for a file that is truncated, damaged or no checkpoint;
    /// `unsupported` for one of another version; `io`. Cost: one read of the file.
    public init(_ path: String) throws(TuningError) {
        let file: SafetensorsFile
        do throws(WeightsError) {
            file = try SafetensorsFile.open(path)
        } catch {
            throw TuningError(error, file: path)
        }
        guard let text = file.metadata[Self.documentKey], let digest = file.metadata[Self.digestKey] else {
            throw TuningError(.malformed, "it is no checkpoint of a tuning run", file: path)
        }
        let found = Self.digest(text, Array(file.tensors.values))
        do throws(MappedFileError) {
            for tensor in file.tensors.values { try tensor.check() }
        } catch {
            throw TuningError(.malformed, "the file became shorter while it was read", file: path)
        }
        guard found == digest else {
            throw TuningError(.malformed, "the file is damaged: its content is not what was written", file: path)
        }
        let version: Int
        do throws(JSONError) {
            document = JSONCursor(try JSONValue.parse(text))
            version = try document["version"].int()
            task = try document["task"].string()
            base = BaseIdentity(name: try document["base"]["name"].string(), identity: try document["base"]["identity"].string())
            step = try document["progress"]["step"].int()
            extra = try document["extra"].optionalObject() ?? [:]
        } catch {
            throw TuningError(.malformed, error.message, file: path, field: error.path)
        }
        guard version == Self.version else {
            throw TuningError(.unsupported, "it has version \(version) of the format, this program reads version \(Self.version)", file: path)
        }
        self.path = path
        tensors = file.tensors
    }

    /// Fills a buffer. Errors: `malformed` where the tensor is missing or has another size.
    func read(_ name: String, into buffer: FloatBuffer) throws(TuningError) {
        if buffer.count == 0 { return }
        guard let tensor = tensors[name], tensor.dtype == .f32, tensor.elementCount == buffer.count else {
            throw TuningError(
                .malformed, "expected \(buffer.count) numbers of f32 in \(name), found \(tensors[name]?.elementCount ?? 0)", file: path)
        }
        tensor.withUnsafeBytes { UnsafeMutableRawBufferPointer(start: buffer.pointer, count: 4 * buffer.count).copyMemory(from: $0) }
    }
}

extension TuningError {
    init(_ error: WeightsError, file: String) {
        let code: Code =
            switch error.code {
            case .notFound: .notFound
            case .unreadable, .unwritable, .noSpace: .io
            case .unsupported: .unsupported
            case .limitExceeded: .limitExceeded
            case .truncated, .malformed, .duplicate, .missingKey, .wrongType, .missingTensor, .wrongShape: .malformed
            }
        self.init(code, error.message, file: file, field: error.tensor ?? error.key)
    }
}
