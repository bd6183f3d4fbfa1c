public import Tensors

/// A GGUF file, version 2 or 3 and little-endian, mapped: metadata and views of its tensors.
///
/// Opening reads the header and checks every field of it; tensor data is read when a view is. Shapes are row-major: the
/// format's dimensions reversed, so a matrix is `[outputs, inputs]`.
/// Format: the GGUF specification of the ggml project (`docs/gguf.md`).
public final class GGUFFile: TensorSource {
    /// As given to `open`.
    public let path: String
    /// 2 or 3.
    public let version: Int
    public let metadata: GGUFMetadata
    public let tensors: [String: TensorView]
    /// In the order of the file.
    public let tensorNames: [String]
    /// Where tensor data begins: the bytes before it are the header.
    public let dataOffset: Int
    /// The whole file.
    public let file: MappedFile
    private let pairPlaces: [(key: String, type: GGUFValueType, bytes: Range<Int>)]

    /// The metadata as they are in the file, byte for byte and in its order, to be written to another. Cost: a copy.
    public var pairs: [GGUFField] { pairPlaces.map { GGUFField($0.key, type: $0.type, bytes: Array(file.bytes[$0.bytes])) } }

    /// Maps the file and reads its header. Errors: `notFound`, `unreadable`, `truncated`, `malformed`, `unsupported`,
    /// `limitExceeded`, `duplicate`. Cost: `O(header bytes)`.
    public static func open(_ path: String, limits: GGUFLimits = .init()) throws(WeightsError) -> GGUFFile {
        try open(MappedFile.opened(path), limits: limits)
    }

    /// The same over a file that the caller mapped, or copied into memory of its own.
    package static func open(_ file: MappedFile, limits: GGUFLimits = .init()) throws(WeightsError) -> GGUFFile {
        try file.reading { () throws(WeightsError) in
            var reader = GGUFHeaderReader(file: file, limits: limits)
            return GGUFFile(file: file, header: try reader.read())
        }
    }

    private init(file: MappedFile, header: GGUFHeader) {
        path = file.path
        version = header.version
        metadata = GGUFMetadata(header.metadata, path: file.path)
        tensors = header.tensors
        tensorNames = header.tensorNames
        dataOffset = header.dataOffset
        pairPlaces = header.pairs
        self.file = file
    }

    /// Where in the file the elements of one of its tensors begin; nil without elements.
    package func offset(of tensor: TensorView) -> Int? {
        guard let element = tensor.bytes.baseAddress, let start = file.bytes.baseAddress else { return nil }
        return element - start
    }
}
