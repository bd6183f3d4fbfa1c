import Adapters
import JSON
import Models
import Tensors
import Weights

/// Writes a tuned adapter as a folder that serves: PEFT's configuration and weights, `README.md`, `route.yaml` for the router, and
/// `tuning.json` with all settings and scores.
public struct AdapterFolderWriter: Sendable {
    /// How the parameters are stored.
    public enum Element: String, Sendable, CaseIterable {
        case f32
        /// Half the bytes, rounded to nearest.
        case bf16
    }

    public var element: Element
    /// An adapter's folder of the same name is replaced. When false it is an error.
    public var replaces: Bool
    /// The base's, which serving reads to load DoRA and IA³; nil: those are not loaded before they are in place.
    public var base: BaseWeights?

    public init(element: Element = .f32, replaces: Bool = false, base: BaseWeights? = nil) {
        self.element = element
        self.replaces = replaces
        self.base = base
    }

    /// Writes `task.result` as the folder `folder`, whose last component is the adapter's name.
    ///
    /// It is written under a hidden name beside its place, flushed to the disk, loaded as serving would load it, and renamed: a reader sees
    /// the old folder or the whole new one.
    /// On an error everything is as it was. Errors: `exists`, `invalidSetting` for a name that no adapter has, `nonFinite`,
    /// `nothingToTrain` for an adapter that changes nothing, which would not be served; `io` (a full disk, no permission). Cost: O(bytes).
    public func write(_ task: TuningTask, _ record: TuningRecord, to folder: String) throws(TuningError) {
        let tensors = try tensors(task)
        guard task.changesBase else {
            throw TuningError(.nothingToTrain, "no step moved a weight, so the adapter would change nothing: run more steps (the first step of a warm-up has the rate 0)", file: folder)
        }
        let staged = try Self.staging { () throws(AdapterError) in try StagedFolder(folder, replaces: replaces) }
        do throws(TuningError) {
            try write(task, record, tensors, staged)
            try check(staged, task)
            try Self.staging { () throws(AdapterError) in try staged.commit(replaces: replaces) }
        } catch {
            staged.discard()
            throw error
        }
    }

    private func write(
        _ task: TuningTask, _ record: TuningRecord, _ tensors: [TensorView], _ staged: StagedFolder
    ) throws(TuningError) {
        let name = staged.target.split(separator: "/").last.map(String.init) ?? staged.target
        let configuration = task.settings.recipe.configuration(base: record.base.name).sortedByKey
        let texts = [
            ("adapter_config.json", JSONValue.object(configuration).serialized(pretty: true)),
            ("README.md", AdapterCard(name: name, task: task, record: record, element: element).text),
            ("route.yaml", RouteFile.text(description: record.description, examples: record.examples)),
            ("tuning.json", JSONValue.object(record.document(task, element: element)).serialized(pretty: true) + "\n"),
        ]
        for (file, text) in texts {
            try Self.staging { () throws(AdapterError) in try staged.write(text, to: file) }
        }
        let weights = "adapter_model.safetensors"
        do throws(WeightsError) {
            try SafetensorsWriter.write(tensors, metadata: ["format": "pt"], to: "\(staged.path)/\(weights)")
        } catch {
            throw TuningError(.io, error.message, file: "\(staged.target)/\(weights)")
        }
    }

    private static func staging<Value>(_ body: () throws(AdapterError) -> Value) throws(TuningError) -> Value {
        do throws(AdapterError) {
            return try body()
        } catch {
            let code: TuningError.Code =
                switch error.code {
                case .exists: .exists
                case .invalidName: .invalidSetting
                default: .io
                }
            throw TuningError(code, error.message, file: error.file)
        }
    }

    /// A folder that would be refused keeps its hidden name.
    private func check(_ staged: StagedFolder, _ task: TuningTask) throws(TuningError) {
        // Without the base's weights these cannot be loaded.
        if base == nil, [.dora, .ia3].contains(task.settings.recipe.family) { return }
        do throws(AdapterError) {
            try AdapterLoader.check(folder: staged.path, base: task.adapter.configuration, weights: base)
        } catch {
            throw TuningError(.malformed, "the folder that was written would not be served: \(error)", file: staged.target)
        }
    }

    /// What `adapter_model.safetensors` holds.
    private func tensors(_ task: TuningTask) throws(TuningError) -> [TensorView] {
        let buffer = task.result
        var tensors: [TensorView] = []
        for tensor in task.adapter.tensors {
            tensors.append(try view(task.settings.recipe.checkpointName(of: tensor), tensor.checkpointShape, buffer, tensor.offset))
        }
        if let shared = task.shared {
            tensors.append(try view("base_model.vera_A", [shared.rank, shared.widestInput], shared.wholeA, 0))
            tensors.append(try view("base_model.vera_B", [shared.widestOutput, shared.rank], shared.wholeB, 0))
        }
        return tensors
    }

    private func view(_ name: String, _ shape: [Int], _ buffer: FloatBuffer, _ offset: Int) throws(TuningError) -> TensorView {
        guard let view = TensorView(name: name, shape: shape, buffer: buffer, offset: offset) else {
            preconditionFailure("\(name) does not lie in its buffer")
        }
        let values = UnsafeBufferPointer(start: buffer.pointer + offset, count: view.elementCount)
        guard values.allSatisfy(\.isFinite) else {
            throw TuningError(.nonFinite, "a weight of \(name) is NaN or infinite: nothing is written")
        }
        guard element == .bf16 else { return view }
        let halves = values.map(Self.bf16)
        guard halves.allSatisfy({ $0 & 0x7F80 != 0x7F80 }) else {
            throw TuningError(.nonFinite, "a weight of \(name) is beyond what bf16 holds: write f32")
        }
        let rounded = halves.withUnsafeBytes { TensorView(name: name, dtype: .bf16, shape: shape, copying: $0) }
        guard let rounded else { preconditionFailure("\(name) has another number of elements as bf16") }
        return rounded
    }

    /// To nearest, ties to even.
    private static func bf16(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
    }
}

extension TuningTask {
    /// Whether `result` does anything to the base's answers: a B that is not zero, a factor that is not 1.
    fileprivate var changesBase: Bool {
        adapter.tensors.contains { tensor in
            let values = UnsafeBufferPointer(start: result.pointer + tensor.offset, count: tensor.count)
            return switch tensor.kind {
            // Of an embedding B starts with numbers, and A with zeros.
            case .b where tensor.place == .embedding: false
            case .a where tensor.place == .embedding: values.contains { $0 != 0 }
            case .b, .outputFactors: values.contains { $0 != 0 }
            case .outputScale, .inputScale: values.contains { $0 != 1 }
            case .tokenRows: true
            // A, routers, VeRA's d and DoRA's magnitudes do nothing before B or lambda do.
            case .a, .router, .rankFactors, .magnitude: false
            }
        }
    }
}
