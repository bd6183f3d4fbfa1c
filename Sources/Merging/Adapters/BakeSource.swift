internal import Files
internal import JSON
internal import MergeMethods
internal import Models
internal import Tensors
internal import Weights

/// What a baked model is made of: the base's tensors in the order of its files, its metadata or small files.
struct BakeSource {
    let adapted: AdaptedTensors
    /// In the order in which they are written.
    let names: [String]
    let entries: [String: AdaptedTensors.Entry]
    /// Nil: a folder.
    private let gguf: GGUFFile?
    private let path: String

    var isGGUF: Bool { gguf != nil }

    /// How a folder was baked.
    static let mark = "bake.json"

    /// Files beside weights that are this long are not copied; the largest tokenizers take some 35 MB.
    private static let mostBytes = 160 << 20
    private static let mostFiles = 1000

    /// Errors: `changed`.
    init(_ adapted: AdaptedTensors, path: String) throws(MergeError) {
        self.adapted = adapted
        self.path = path
        entries = Dictionary(uniqueKeysWithValues: adapted.entries.map { ($0.name, $0) })
        guard path.hasSuffix(".gguf") else {
            (gguf, names) = (nil, adapted.entries.map(\.name))
            return
        }
        let file: GGUFFile
        do throws(WeightsError) {
            file = try GGUFFile.open(path)
        } catch {
            throw MergeError(.changed, error.message, file: path)
        }
        gguf = file
        let stored = Set(file.tensorNames)
        names = file.tensorNames + adapted.entries.map(\.name).filter { !stored.contains($0) }
    }

    /// - Parameter types: of `names`.
    func plan(_ types: [DType], name: String, shardBytes: Int, dtype: DType?) throws(MergeError) -> WeightsPlan {
        let tensors = zip(names, types).map { PlannedTensor($0, $1, entries[$0]?.shape ?? []) }
        return try MergeError.converting { () throws(WeightsError) in
            guard let gguf else { return try WeightsPlan.safetensors(tensors, shardBytes: shardBytes) }
            var pairs = gguf.pairs
            if let type = dtype.flatMap(Self.fileType) { pairs.set("general.file_type", .u32(type)) }
            if types.contains(where: \.isQuantized) { pairs.set("general.quantization_version", .u32(2)) }
            return try WeightsPlan.gguf(tensors, metadata: pairs, named: name)
        }
    }

    /// GGML's numbers for files whose matrices are of one type.
    private static func fileType(_ dtype: DType) -> UInt32? {
        switch dtype {
        case .f32: 0
        case .f16: 1
        case .q4_0: 2
        case .q4_1: 3
        case .q8_0: 7
        case .q5_0: 8
        case .q5_1: 9
        case .bf16: 32
        default: nil
        }
    }

    /// What lies beside the weights of a folder, by name; none of a GGUF file. Errors: `malformed`.
    func smallFiles(name: String, adapter: String, dtype: DType?) throws(MergeError) -> [(String, [UInt8])] {
        guard gguf == nil else { return [] }
        var files: [(String, [UInt8])] = []
        do throws(FileError) {
            let folder = try Folder(path)
            for name in try folder.listing(limit: Self.mostFiles).names.sorted() where Self.isCopied(name) {
                guard let status = try folder.status(name), status.kind == .file else { continue }
                files.append((name, try RegularFile.contents("\(path)/\(name)", limitBytes: Self.mostBytes)))
            }
        } catch {
            throw MergeError(.malformed, error.message, file: error.path)
        }
        guard let place = files.firstIndex(where: { $0.0 == "config.json" }) else {
            throw MergeError(.changed, "there is no config.json any more", file: path)
        }
        files[place].1 = try configuration(files[place].1, dtype)
        let record: JSONValue = [
            "base": .string(adapted.files.identity), "base_name": .string(adapted.files.name), "adapter": .string(adapter), "family": .string(adapted.family),
        ]
        files.append((Self.mark, record.serializedBytes()))
        files.append(("README.md", Array(card(name, adapter).utf8)))
        return files
    }

    /// Weights are written anew, pickles are never copied, and the card is another.
    private static func isCopied(_ name: String) -> Bool {
        let lower = name.lowercased()
        let left = [".safetensors", ".index.json", ".bin", ".pt", ".pth", ".pkl", ".ckpt", ".gguf", ".h5", ".msgpack", ".onnx"]
        return !name.hasPrefix(".") && name != "README.md" && name != Self.mark && !left.contains(where: lower.hasSuffix)
    }

    private func configuration(_ bytes: [UInt8], _ dtype: DType?) throws(MergeError) -> [UInt8] {
        let parsed: JSONValue
        do throws(JSONError) {
            parsed = try JSONValue.parse(bytes)
        } catch {
            throw MergeError(.malformed, error.description, file: "\(path)/config.json")
        }
        guard var document = parsed.objectValue else { throw MergeError(.malformed, "expected an object", file: "\(path)/config.json") }
        if adapted.untiesHead {
            document["tie_word_embeddings"] = false
            if var part = document["text_config"]?.objectValue {
                part["tie_word_embeddings"] = false
                document["text_config"] = .object(part)
            }
        }
        if let name = dtype.flatMap(Self.torchName) {
            document[document["torch_dtype"] == nil && document["dtype"] != nil ? "dtype" : "torch_dtype"] = .string(name)
        }
        return Array((JSONValue.object(document).serialized(pretty: true) + "\n").utf8)
    }

    private static func torchName(_ dtype: DType) -> String? {
        switch dtype {
        case .f32: "float32"
        case .f16: "float16"
        case .bf16: "bfloat16"
        default: nil
        }
    }

    private func card(_ name: String, _ adapter: String) -> String {
        """
        ---
        base_model: \(JSONValue.string(adapted.files.name).serialized())
        library_name: transformers
        pipeline_tag: text-generation
        tags: [baked, lmoe]
        ---

        # \(name)

        `\(LoRACard.cell(adapted.files.name))` with the adapter `\(LoRACard.cell(adapter))` (\(adapted.family)) in its weights, by `lmoe bake`. Licences of
        both apply.

        """
    }
}
