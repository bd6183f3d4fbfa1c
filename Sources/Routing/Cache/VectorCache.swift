internal import Files
internal import Tensors

/// Embedded examples on disk, one file for each list of texts, named by the hash of encoder and texts: equal content is never embedded
/// twice, and changed content never hits. Large files are mapped, so that vectors that are never searched take no memory.
///
/// File, little-endian: 8 bytes `lmoevec3`, u32 rows, u32 dimension, u32 feature dimension, u32 0, the digests of the features and of
/// all that follows, 32 bytes each, 8 bytes of zero; then from byte 96 on the mean vector and the vectors, f32, and the features, f16.
/// A damaged file is a miss: it is hashed when it is opened, and its pages are given back.
struct VectorCache: Sendable {
    let folder: String

    static let magic: [UInt8] = Array("lmoevec3".utf8)
    private static let headerBytes = 96
    /// A file of at most this many bytes is copied instead of mapped: a copy cannot be damaged any more.
    private static let mostCopiedBytes = 64 << 10

    /// Nil when there is no such file, or none that is whole. Errors: the file or the folder cannot be read.
    func load(texts: [String], encoder: String, dimension: Int, featureDimension: Int) throws(FileError) -> ExampleVectors? {
        let path = path(texts: texts, encoder: encoder)
        let vectorsAt = Self.headerBytes + 4 * dimension, featuresAt = vectorsAt + 4 * texts.count * dimension
        guard let file = try open(path, size: featuresAt + 2 * texts.count * featureDimension) else { return nil }
        let head = file.withUnsafeBytes { Array($0[..<Self.headerBytes]) }
        // A copy must not be advised: the system would take its pages back for good.
        let isMapped = file.size > Self.mostCopiedBytes
        if isMapped { file.advise(.sequential) }
        defer { if isMapped { file.advise(.dontNeed) } }
        guard head[56..<88].elementsEqual(file.withUnsafeBytes { ContentDigest(of: UnsafeRawBufferPointer(rebasing: $0[Self.headerBytes...])).rawBytes }),
            head[..<24].elementsEqual(Self.header(texts.count, dimension, featureDimension)),
            let vectors = TensorView(name: "vectors", dtype: .f32, shape: [texts.count, dimension], file: file, offset: vectorsAt),
            let features = TensorView(name: "features", dtype: .f16, shape: [texts.count, featureDimension], file: file, offset: featuresAt),
            let mean = TensorView(name: "mean", dtype: .f32, shape: [dimension], file: file, offset: Self.headerBytes)?.floats()
        else { return nil }
        let digest = ContentDigest(rawBytes: Array(head[24..<56]))
        return ExampleVectors(texts: texts, mean: mean, vectors: vectors, features: FeatureRows(features, digest: digest))
    }

    /// Nil when there is no such file, or one of another size.
    private func open(_ path: String, size: Int) throws(FileError) -> MappedFile? {
        let file: RegularFile
        do throws(FileError) {
            file = try RegularFile(path)
        } catch where error.code == .notFound {
            return nil
        }
        guard file.size == size else { return nil }
        do throws(MappedFileError) {
            guard size <= Self.mostCopiedBytes else { return try MappedFile(path: path) }
            return try MappedFile(path: path, size: size, filled: size) { (buffer) throws(MappedFileError) in
                do throws(FileError) {
                    try file.read(into: buffer, at: 0)
                } catch {
                    throw MappedFileError(path, error.message)
                }
            }
        } catch {
            throw FileError(.unreadable, path, error.message)
        }
    }

    /// Errors: `unwritable`.
    func store(_ examples: ExampleVectors, encoder: String) throws(FileError) {
        var body: [UInt8] = []
        examples.mean.withUnsafeBytes { body.append(contentsOf: $0) }
        examples.withUnsafeBytes { body.append(contentsOf: $0) }
        examples.features.withUnsafeBytes { body.append(contentsOf: $0) }
        let head =
            Self.header(examples.texts.count, examples.dimension, examples.featureDimension) + examples.features.digest.rawBytes
            + ContentDigest(of: body).rawBytes + [UInt8](repeating: 0, count: 8)
        try WholeFile.write(head + body, to: path(texts: examples.texts, encoder: encoder))
    }

    private static func header(_ rows: Int, _ dimension: Int, _ featureDimension: Int) -> [UInt8] {
        var header = magic
        for value in [UInt32(rows), UInt32(dimension), UInt32(featureDimension), 0] {
            withUnsafeBytes(of: value.littleEndian) { header.append(contentsOf: $0) }
        }
        return header
    }

    private func path(texts: [String], encoder: String) -> String {
        let name = ContentDigest(of: ([encoder] + texts).map { ContentDigest(of: $0) }).hexadecimal
        return "\(folder)/\(name).vec"
    }
}
