/// A tensor in a mapped file or in other memory, whose owner it keeps alive. Copying the view copies no elements.
public struct TensorView: Sendable {
    /// As in the file.
    public let name: String
    public let dtype: DType
    /// Row-major, the outermost dimension first (a weight matrix is `[outputs, inputs]`); empty for a scalar.
    public let shape: [Int]
    /// The product of `shape`.
    public let elementCount: Int
    public let byteCount: Int
    private let storage: Storage
    /// Where its elements lie in another order in the file: what puts them in order when rows are read. Such a view has no bytes.
    let maker: (any RowMaker)?

    /// `@unchecked Sendable`: the bytes are never written while a view exists.
    private struct Storage: @unchecked Sendable {
        let bytes: UnsafeRawBufferPointer
        let owner: any AnyObject & Sendable
    }

    /// A part of a mapped file. Nil when the shape has a negative size, is no whole number of blocks a row, overflows,
    /// or does not fit the file at `offset`.
    public init?(name: String, dtype: DType, shape: [Int], file: MappedFile, offset: Int) {
        guard let byteCount = Self.byteCount(dtype: dtype, shape: shape),
            offset >= 0, offset <= file.size, byteCount <= file.size - offset
        else { return nil }
        let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[offset..<offset + byteCount])
        self.init(name: name, dtype: dtype, shape: shape, bytes: bytes, owner: file)
    }

    /// A matrix whose rows are made when they are read. Nil when the shape is no matrix of whole blocks.
    package init?(name: String, dtype: DType, shape: [Int], made maker: any RowMaker) {
        guard shape.count == 2, Self.byteCount(dtype: dtype, shape: shape) != nil else { return nil }
        self.name = name
        self.dtype = dtype
        self.shape = shape
        elementCount = shape.reduce(1, *)
        byteCount = 0
        storage = Storage(bytes: UnsafeRawBufferPointer(start: nil, count: 0), owner: maker)
        self.maker = maker
    }

    /// A copy of the elements; for tests and for tensors that are computed at load time. Nil as above.
    public init?(name: String, dtype: DType, shape: [Int], copying bytes: UnsafeRawBufferPointer) {
        guard Self.byteCount(dtype: dtype, shape: shape) == bytes.count else { return nil }
        let block = MemoryBlock(copying: bytes)
        self.init(name: name, dtype: dtype, shape: shape, bytes: block.bytes, owner: block)
    }

    /// A part of a buffer of f32, which keeps its elements until the view is gone. Nil when it does not fit the buffer at `offset`.
    package init?(name: String, shape: [Int], buffer: FloatBuffer, offset: Int = 0) {
        guard let byteCount = Self.byteCount(dtype: .f32, shape: shape), offset >= 0, offset <= buffer.count,
            byteCount / 4 <= buffer.count - offset
        else { return nil }
        let bytes = UnsafeRawBufferPointer(start: buffer.pointer + offset, count: byteCount)
        self.init(name: name, dtype: .f32, shape: shape, bytes: bytes, owner: buffer)
    }

    /// The same tensor with its elements in other memory, `byteCount` bytes that `owner` keeps and that are not written
    /// while the view is used.
    package func at(_ bytes: UnsafeRawPointer, keptBy owner: any AnyObject & Sendable) -> TensorView {
        TensorView(
            name: name, dtype: dtype, shape: shape, bytes: UnsafeRawBufferPointer(start: bytes, count: byteCount), owner: owner)
    }

    private init(
        name: String, dtype: DType, shape: [Int], bytes: UnsafeRawBufferPointer, owner: any AnyObject & Sendable
    ) {
        self.name = name
        self.dtype = dtype
        self.shape = shape
        self.elementCount = shape.reduce(1, *)
        self.byteCount = bytes.count
        self.storage = Storage(bytes: bytes, owner: owner)
        maker = nil
    }

    /// The inner dimension: elements of a row; 1 for a scalar.
    public var columns: Int { shape.last ?? 1 }
    /// All dimensions but the inner one, together.
    public var rows: Int { shape.dropLast().reduce(1, *) }
    /// Bytes of a row.
    public var rowBytes: Int { columns / dtype.blockElements * dtype.blockBytes }

    /// The elements as stored, little-endian, valid inside `body`. The start has the alignment of the file, which may be
    /// none (GGUF aligns to 32 bytes, safetensors commonly to 8).
    public func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { withExtendedLifetime(storage.owner) {} }
        return try body(storage.bytes)
    }

    /// The elements as stored, valid as long as any copy of this view lives.
    package var bytes: UnsafeRawBufferPointer { storage.bytes }

    /// Whether elements were read that the mapped file no longer has; they read as zeros. See `MappedFile.check`.
    package var isDamaged: Bool { (storage.owner as? MappedFile)?.isDamaged ?? false }

    /// Throws when the file behind the elements became shorter. Call it after reading. See `MappedFile.check`.
    package func check() throws(MappedFileError) {
        if let file = storage.owner as? MappedFile { try file.check() }
    }

    /// A part of the outermost dimension, under the same name. `range` lies in it; a matrix gives some of its rows.
    package func slice(_ range: Range<Int>) -> TensorView {
        precondition(range.lowerBound >= 0 && range.upperBound <= shape.first ?? 0, "a slice \(range) of \(name), whose shape is \(shape)")
        let bytes = byteCount / max(shape[0], 1)
        return TensorView(
            name: name, dtype: dtype, shape: [range.count] + shape.dropFirst(),
            bytes: UnsafeRawBufferPointer(rebasing: storage.bytes[range.lowerBound * bytes..<range.upperBound * bytes]), owner: storage.owner)
    }

    /// The same elements in another shape of as many, with the same columns.
    package func flattened() -> TensorView {
        TensorView(name: name, dtype: dtype, shape: [rows, columns], bytes: storage.bytes, owner: storage.owner)
    }

    /// The same elements under another name.
    public func renamed(_ name: String) -> TensorView {
        TensorView(name: name, dtype: dtype, shape: shape, bytes: storage.bytes, owner: storage.owner)
    }

    /// Bytes of a tensor; nil when a size is negative, a row is no whole number of blocks, or the product overflows.
    public static func byteCount(dtype: DType, shape: [Int]) -> Int? {
        guard (shape.last ?? 1) % dtype.blockElements == 0 else { return nil }
        var elements = 1
        for size in shape {
            guard size >= 0 else { return nil }
            let (product, overflow) = elements.multipliedReportingOverflow(by: size)
            if overflow { return nil }
            elements = product
        }
        return dtype.byteCount(elements: elements)
    }
}

/// A copy of bytes, 64-byte aligned.
///
/// `@unchecked Sendable`: filled in `init`, only read after.
private final class MemoryBlock: @unchecked Sendable {
    let bytes: UnsafeRawBufferPointer

    init(copying source: UnsafeRawBufferPointer) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(source.count, 1), alignment: 64)
        copy.copyMemory(from: source)
        bytes = UnsafeRawBufferPointer(start: copy.baseAddress, count: source.count)
    }

    deinit { bytes.deallocate() }
}
