internal import Tensors
internal import Weights

/// What a GGUF file says of a model beside its weights: metadata, and tensors that no checkpoint has.
///
/// From a GGUF file it is copied; from a Hugging Face folder it is made, for Llama, Qwen 2 and Qwen 3 with byte-level BPE.
public struct GGUFHead: Sendable {
    /// Of the model that is to be written.
    public let configuration: DecoderConfiguration
    var pairs: [GGUFField]
    /// Tables of rotary divisors, whole.
    let constants: [Constant]

    struct Constant: Sendable {
        var tensor: PlannedTensor
        var bytes: [UInt8]
    }

    /// - Parameter layers: of the model that is to be written, where they are others than the files'.
    ///
    /// Errors: `unsupported` for architectures, tokenizers and options that are not written; `notFound`, `malformed` files.
    public init(_ files: ModelFiles, layers: Int? = nil) throws(ModelError) {
        var configuration = files.configuration
        configuration.layers = layers ?? configuration.layers
        guard !configuration.isFused, configuration.experts == nil else {
            throw ModelError(
                .unsupported, "GGUF files of \(configuration.architecture.rawValue) models are not written: their tensors hold several of a checkpoint's",
                file: files.path)
        }
        self.configuration = configuration
        if files.isGGUF {
            pairs = try Self.copied(files, layers: configuration.layers)
            constants = files.storedTensors.values.filter { $0.name.hasPrefix("rope_f") }.sorted { $0.name < $1.name }.map { view in
                Constant(tensor: PlannedTensor(view.name, view.dtype, view.shape), bytes: view.withUnsafeBytes { Array($0) })
            }
            try files.checkWhole()
        } else {
            pairs = try Self.made(of: files, configuration)
            constants = Self.divisors(configuration).map { [$0] } ?? []
        }
    }

    private static func copied(_ files: ModelFiles, layers: Int) throws(ModelError) -> [GGUFField] {
        let file = try ModelError.converting { () throws(WeightsError) in try GGUFFile.open(files.path) }
        let architecture = try ModelError.converting { () throws(WeightsError) in try file.metadata.architecture }
        // How the source was quantised and cut.
        var pairs = file.pairs.filter { !$0.key.hasPrefix("split.") && !$0.key.hasPrefix("quantize.imatrix.") }
        if layers != files.configuration.layers { pairs.set("\(architecture).block_count", .u32(UInt32(layers))) }
        return pairs
    }

    /// With what the type of most tensors makes known.
    func pairs(for dtype: DType) -> [GGUFField] {
        var pairs = pairs
        if let number = dtype.ggufFileType { pairs.set("general.file_type", .u32(number)) }
        pairs.set("general.quantization_version", .u32(2))
        return pairs
    }
}

extension DType {
    /// GGML's number for a file most of whose tensors are of this type.
    var ggufFileType: UInt32? {
        switch self {
        case .f32: 0
        case .f16: 1
        case .q4_0: 2
        case .q4_1: 3
        case .q8_0: 7
        case .q5_0: 8
        case .q5_1: 9
        case .q4_K: 14
        case .q5_K: 16
        case .q6_K: 18
        case .bf16: 32
        case .f64, .i8, .u8, .i32, .i64, .bool, .q2_K, .q3_K, .iq4_nl, .iq4_xs, .mxfp4: nil
        }
    }
}
