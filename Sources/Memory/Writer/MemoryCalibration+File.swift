internal import JSON
internal import Tensors
internal import Weights

/// A calibration as a safetensors file: `mean` `[hidden]`, `covariance` `[hidden, hidden]`, `prompts` `[prompts, hidden]`, f32, and as JSON
/// in its metadata the base, the site and the scale, with a digest of all that.
extension MemoryCalibration {
    private static let documentKey = "lmoe.memory_calibration"
    private static let digestKey = "lmoe.digest"
    private static let version = 1
    private static let names = ["covariance", "mean", "prompts"]
    /// Bounds of what is read.
    private static let (mostHidden, mostPrompts) = (65_536, 4_096)

    /// Writes the file; a reader sees the old one or the whole new one. Errors: `unavailable`.
    public func write(to path: String) throws(MemoryError) {
        let parts = [
            ("covariance", [hidden, hidden], covariance), ("mean", [hidden], mean), ("prompts", [promptCount, hidden], prompts),
        ]
        let tensors = try parts.map { name, shape, values throws(MemoryError) in
            let view = values.withUnsafeBytes { TensorView(name: name, dtype: .f32, shape: shape, copying: $0) }
            guard let view else { throw MemoryError(.unavailable, "a tensor of \(shape) cannot be made", place: path) }
            return view
        }
        let document: JSONValue = [
            "version": .integer(Int64(Self.version)), "base": ["name": .string(baseName), "identity": .string(baseIdentity)],
            "site": .integer(Int64(site)), "residual_scale": .number(Double(residualScale)),
        ]
        let text = document.serialized()
        let metadata = [Self.documentKey: text, Self.digestKey: Self.digest(text, tensors)]
        do throws(WeightsError) {
            try SafetensorsWriter.write(tensors, metadata: metadata, to: path)
        } catch {
            throw MemoryError(.unavailable, error.message, place: path)
        }
    }

    /// Reads a file. Errors: `notFound`, `malformed` for one that is damaged or no calibration, `mismatched` for another version.
    public init(contentsOf path: String) throws(MemoryError) {
        let file: SafetensorsFile
        do throws(WeightsError) {
            file = try SafetensorsFile.open(path)
        } catch {
            let code: MemoryError.Code = error.code == .notFound ? .notFound : error.code == .unreadable ? .unavailable : .malformed
            throw MemoryError(code, error.message, place: path)
        }
        guard let text = file.metadata[Self.documentKey], let digest = file.metadata[Self.digestKey] else {
            throw MemoryError(.malformed, "it is no calibration of a memory", place: path)
        }
        let (version, name, identity, site, scale): (Int, String, String, Int, Double)
        do throws(JSONError) {
            let document = JSONCursor(try JSONValue.parse(text))
            version = try document["version"].int()
            (name, identity) = (try document["base"]["name"].string(), try document["base"]["identity"].string())
            (site, scale) = (try document["site"].int(), try document["residual_scale"].double())
        } catch {
            throw MemoryError(.malformed, "\(error.path ?? "the metadata"): \(error.message)", place: path)
        }
        guard version == Self.version else {
            throw MemoryError(
                .mismatched, "it has version \(version) of the format, this program reads version \(Self.version)", place: path)
        }
        var tensors: [TensorView] = []
        for name in Self.names {
            guard let tensor = file.tensors[name], tensor.dtype == .f32 else {
                throw MemoryError(.malformed, "expected the tensor \(name) of f32", place: path)
            }
            tensors.append(tensor)
        }
        guard Self.digest(text, tensors) == digest else {
            throw MemoryError(.malformed, "the file is damaged: its content is not what was written", place: path)
        }
        let hidden = tensors[1].elementCount
        guard 1...Self.mostHidden ~= hidden, tensors[1].shape == [hidden], tensors[0].shape == [hidden, hidden],
            tensors[2].shape.count == 2, tensors[2].shape[1] == hidden, 1...Self.mostPrompts ~= tensors[2].shape[0], site >= 0
        else {
            let found = tensors.map { "\($0.shape)" }.joined(separator: ", ")
            throw MemoryError(
                .malformed, "the shapes are \(found), expected [hidden, hidden], [hidden] and [prompts, hidden]", place: path)
        }
        do throws(MemoryError) {
            try self.init(
                site: site, baseName: name, baseIdentity: identity, hidden: hidden, residualScale: Float(scale), mean: tensors[1].floats(),
                covariance: tensors[0].floats(), prompts: tensors[2].floats())
        } catch {
            throw MemoryError(error.code, error.message, place: path)
        }
    }

    private static func digest(_ text: String, _ tensors: [TensorView]) -> String {
        let parts = [ContentDigest(of: text)] + tensors.flatMap { tensor in
            [ContentDigest(of: tensor.name), tensor.withUnsafeBytes { ContentDigest(of: $0) }]
        }
        return ContentDigest(of: parts).hexadecimal
    }
}
