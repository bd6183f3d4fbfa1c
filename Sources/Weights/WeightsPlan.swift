public import Tensors

/// A tensor that is to be written.
public struct PlannedTensor: Sendable, Equatable {
    public var name: String
    public var dtype: DType
    public var shape: [Int]

    public init(_ name: String, _ dtype: DType, _ shape: [Int]) {
        (self.name, self.dtype, self.shape) = (name, dtype, shape)
    }
}

/// The files of a model that is to be written: their names, sizes and headers, and where each tensor goes. All of it is known
/// before the first element is, so that elements can be written in any order, from any thread: see `WeightsWriter`.
///
/// `safetensors` and `gguf` make plans.
public struct WeightsPlan: Sendable, Equatable {
    public struct File: Sendable, Equatable {
        /// In the folder.
        public let name: String
        /// Bytes of the whole file.
        public let size: Int
        /// What the file begins with; the rest are elements, and zeros between them.
        let head: [UInt8]
    }

    /// The bytes of one tensor.
    public struct Place: Sendable, Equatable {
        /// Index of its file.
        public let file: Int
        /// From the start of the file.
        public let offset: Int
        public let byteCount: Int
    }

    public let files: [File]
    /// As they were given.
    public let tensors: [PlannedTensor]
    /// At the tensor's index.
    public let places: [Place]
    private let indices: [String: Int]

    /// Bytes of all files.
    public var byteCount: Int { files.reduce(0) { $0 + $1.size } }

    public func index(of name: String) -> Int? { indices[name] }

    init(files: [File], tensors: [PlannedTensor], places: [Place]) {
        (self.files, self.tensors, self.places) = (files, tensors, places)
        indices = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
    }

    /// Bytes of each tensor. Errors: `malformed` for a shape that overflows or has rows that are no whole number of blocks,
    /// `duplicate` for two tensors of a name, `limitExceeded` for more bytes than a file can have.
    static func byteCounts(_ tensors: [PlannedTensor], file: String) throws(WeightsError) -> [Int] {
        var counts: [Int] = []
        var names: Set<String> = []
        var left = maximumBytes
        for tensor in tensors {
            guard names.insert(tensor.name).inserted else {
                throw WeightsError(.duplicate, "the name is taken", file: file, tensor: tensor.name)
            }
            guard let count = TensorView.byteCount(dtype: tensor.dtype, shape: tensor.shape) else {
                throw WeightsError(
                    .malformed,
                    "shape \(tensor.shape) of \(tensor.dtype.name) overflows or has rows that are no multiple of \(tensor.dtype.blockElements) elements",
                    file: file, tensor: tensor.name)
            }
            guard count <= left else {
                throw WeightsError(.limitExceeded, "more than \(maximumBytes) bytes together with the tensors before it", file: file, tensor: tensor.name)
            }
            left -= count
            counts.append(count)
        }
        return counts
    }

    /// Of all tensors; what headers and alignment add to it cannot overflow.
    static let maximumBytes = 1 << 60
}
