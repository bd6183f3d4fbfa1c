import Files
import JSON
import Models
import Tensors
import Weights

/// An adapter that is there already, as PEFT or this program wrote it, to be tuned further: its recipe and its weights.
///
/// Read are folders of one `adapter_model.safetensors` whose adapter is one that a recipe describes. Everything else is refused with its
/// name: what is left out here would be lost from the adapter.
public struct ExistingAdapter: Sendable {
    /// The folder, as it was given.
    public let folder: String
    public let recipe: AdapterRecipe
    /// The base that it was made for, as its configuration names it.
    public let baseName: String?
    /// `ModelFiles.identity` of the base that it was tuned on, as `tuning.json` tells it; nil where that is not there.
    public let baseIdentity: String?
    let tensors: [String: TensorView]

    static let configurationName = "adapter_config.json"
    static let weightsName = "adapter_model.safetensors"
    private static let configurationBytes = 1 << 20
    private static let recordBytes = 64 << 20
    private static let sharedA = "base_model.vera_A"
    private static let sharedB = "base_model.vera_B"

    /// Reads the configuration and the header of the weights. Errors: `notFound`; `unsupported` for what cannot be tuned further, which the
    /// error names; `malformed`, `invalidSetting`, `io`.
    public init(folder: String) throws(TuningError) {
        self.folder = folder
        let configuration = "\(folder)/\(Self.configurationName)"
        let text: String
        do throws(FileError) {
            text = try RegularFile.text(configuration, limitBytes: Self.configurationBytes)
        } catch {
            throw Self.unread(error)
        }
        let document = try Self.parse(text, configuration)
        do throws(TuningError) {
            recipe = try AdapterRecipe(configuration: document)
        } catch {
            throw error.inFile(configuration)
        }
        baseName = document["base_model_name_or_path"]?.stringValue
        baseIdentity = try Self.baseIdentity(folder)
        do throws(WeightsError) {
            tensors = try SafetensorsFile.open("\(folder)/\(Self.weightsName)").tensors
        } catch {
            var refusal = TuningError(error, file: "\(folder)/\(Self.weightsName)")
            if error.code == .notFound { refusal.message += Self.wayOut }
            throw refusal
        }
    }

    /// Errors: `otherBase` for an adapter that this program tuned on another base.
    func checkBase(_ base: BaseIdentity) throws(TuningError) {
        guard let baseIdentity, baseIdentity != base.identity else { return }
        throw TuningError(
            .otherBase, "it was tuned on \(baseName ?? "another base") (\(baseIdentity)), and the base is \(base.name) (\(base.identity))",
            file: folder)
    }

    private static func baseIdentity(_ folder: String) throws(TuningError) -> String? {
        let path = "\(folder)/tuning.json"
        let text: String
        do throws(FileError) {
            text = try RegularFile.text(path, limitBytes: recordBytes)
        } catch {
            // PEFT writes none.
            if error.code == .notFound { return nil }
            throw unread(error)
        }
        return try parse(text, path)["base"]?["identity"]?.stringValue
    }

    private static let wayOut = "; `lmoe adapters convert` makes such a folder of other forms"

    /// Throws `invalidSetting` for settings with another recipe; where a new adapter would begin and what training drops do not matter.
    func checkRecipe(_ other: AdapterRecipe) throws(TuningError) {
        var other = other
        (other.seed, other.initialRankFactor, other.dropout) = (recipe.seed, recipe.initialRankFactor, recipe.dropout)
        if recipe.family == .ia3 || recipe.family == .vera { other.alpha = recipe.alpha }
        if recipe.family == .ia3 { other.rank = recipe.rank }
        guard other == recipe else {
            throw TuningError(.invalidSetting, "family, rank, alpha and targets are those of the adapter that is continued", file: folder, field: "recipe")
        }
    }

    // MARK: Weights

    /// Fills the parameters of an adapter with this one's recipe. Errors: `malformed` for a tensor that is missing, that has another shape or
    /// a weight that is not finite; `unsupported` for one that has no place. Cost: one read of the file.
    func fill(_ adapter: TrainableAdapter) throws(TuningError) {
        for tensor in adapter.tensors {
            let values = try values(recipe.checkpointName(of: tensor), tensor.checkpointShape)
            _ = adapter.values(tensor).update(from: values)
        }
        let known = Set(adapter.tensors.map(recipe.checkpointName) + (recipe.family == .vera ? [Self.sharedA, Self.sharedB] : []))
        for name in tensors.keys.sorted() where !known.contains(name) {
            throw failure(.unsupported, "the adapter's configuration has no place for this tensor, so that it would be lost", name)
        }
    }

    /// VeRA's frozen matrices; nil of other families. Errors: as above.
    func shared(_ configuration: DecoderConfiguration) throws(TuningError) -> SharedMatrices? {
        guard recipe.family == .vera else { return nil }
        let shapes = recipe.targets.map { $0.shape(in: configuration) }
        let (inputs, outputs) = (shapes.map(\.inputs).max() ?? 1, shapes.map(\.outputs).max() ?? 1)
        return SharedMatrices(
            rank: recipe.rank, widestInput: inputs, widestOutput: outputs,
            a: FloatBuffer(try values(Self.sharedA, [recipe.rank, inputs])),
            b: FloatBuffer(try values(Self.sharedB, [outputs, recipe.rank])))
    }

    private func values(_ name: String, _ shape: [Int]) throws(TuningError) -> [Float] {
        guard let view = tensors[name] else { throw failure(.malformed, "the tensor is missing, its shape would be \(Self.text(shape))", name) }
        guard view.dtype.isFloatingPoint, view.shape == shape else {
            throw failure(
                .malformed, "expected real numbers of shape \(Self.text(shape)), found \(view.dtype.name) of shape \(Self.text(view.shape))", name)
        }
        let values = view.floats()
        do throws(MappedFileError) {
            try view.check()
        } catch {
            throw failure(.changed, "the file became shorter while it was read", name)
        }
        guard values.allSatisfy(\.isFinite) else { throw failure(.nonFinite, "a weight is NaN or infinite", name) }
        return values
    }

    private static func text(_ shape: [Int]) -> String { "[\(shape.map(String.init).joined(separator: ", "))]" }

    private func failure(_ code: TuningError.Code, _ message: String, _ tensor: String) -> TuningError {
        TuningError(code, message, file: "\(folder)/\(Self.weightsName)", field: tensor)
    }

    // MARK: The configuration's text

    private static func parse(_ text: String, _ path: String) throws(TuningError) -> JSONObject {
        do throws(JSONError) {
            return try JSONCursor(try JSONValue.parse(text, maxDepth: 32)).object()
        } catch {
            throw TuningError(.malformed, "no JSON object: \(error.message)", file: path)
        }
    }

    private static func unread(_ error: FileError) -> TuningError {
        let isMissing = error.code == .notFound || error.code == .danglingLink
        return TuningError(isMissing ? .notFound : .io, error.message + (isMissing ? wayOut : ""), file: error.path)
    }
}

extension AdapterRecipe {
    /// That of an adapter's folder. Errors: those of `ExistingAdapter`.
    public init(folder: String) throws(TuningError) { self = try ExistingAdapter(folder: folder).recipe }
}
