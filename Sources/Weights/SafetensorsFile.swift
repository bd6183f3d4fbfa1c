public import Tensors

/// A safetensors file, mapped: its metadata and views of its tensors.
///
/// Opening reads the header and checks every field of it; tensor data is read when a view is.
/// Format: 8 bytes of header length, a JSON header, the data, which the tensors cover without a gap.
public final class SafetensorsFile: TensorSource {
    /// As given to `open`.
    public let path: String
    /// `__metadata__`, empty when there is none.
    public let metadata: [String: String]
    public let tensors: [String: TensorView]
    /// Where tensor data begins: the bytes before it are the header.
    public let dataOffset: Int
    /// The whole file.
    public let file: MappedFile

    /// Maps the file and reads its header. Errors: `notFound`, `unreadable`, `truncated`, `malformed`, `unsupported`,
    /// `limitExceeded`, `duplicate`. Cost: `O(header bytes)`.
    public static func open(
        _ path: String, limits: SafetensorsLimits = .init()
    ) throws(WeightsError) -> SafetensorsFile {
        try open(MappedFile.opened(path), limits: limits)
    }

    /// The same over a file that the caller mapped, or copied into memory of its own.
    package static func open(
        _ file: MappedFile, limits: SafetensorsLimits = .init()
    ) throws(WeightsError) -> SafetensorsFile {
        try file.reading { () throws(WeightsError) in
            let reader = try SafetensorsHeaderReader(file: file, limits: limits)
            return SafetensorsFile(
                file: file, dataOffset: reader.dataOffset, metadata: try reader.metadata(), tensors: try reader.tensors())
        }
    }

    private init(file: MappedFile, dataOffset: Int, metadata: [String: String], tensors: [String: TensorView]) {
        path = file.path
        self.metadata = metadata
        self.tensors = tensors
        self.dataOffset = dataOffset
        self.file = file
    }

    /// Where in the file the elements of one of its tensors begin; nil without elements.
    package func offset(of tensor: TensorView) -> Int? {
        guard let element = tensor.bytes.baseAddress, let start = file.bytes.baseAddress else { return nil }
        return element - start
    }
}
