import Glibc
internal import Tensors

/// Embedded examples on disk, one file for each list of texts, named by the hash of encoder and texts: equal content
/// is never embedded twice, changed content never hits. Files are mapped, so that what is not looked at takes no memory.
///
/// File, little-endian: 8 bytes `lmoevec3`, u32 rows, u32 dimension, u32 feature dimension, u32 0, 32 bytes of the features'
/// digest, then from byte 64 on the mean vector and the vectors, f32, and the features, f16. A file of another size is a miss.
struct VectorCache: Sendable {
    let folder: String

    static let magic: [UInt8] = Array("lmoevec3".utf8)
    private static let headerBytes = 64

    func load(texts: [String], encoder: String, dimension: Int, featureDimension: Int) -> ExampleVectors? {
        guard let file = try? MappedFile(path: path(texts: texts, encoder: encoder)) else { return nil }
        let vectorsAt = Self.headerBytes + 4 * dimension, featuresAt = vectorsAt + 4 * texts.count * dimension
        guard file.size == featuresAt + 2 * texts.count * featureDimension else { return nil }
        let head = file.withUnsafeBytes { Array($0[..<Self.headerBytes]) }
        guard head[..<24].elementsEqual(Self.header(texts.count, dimension, featureDimension)),
            let vectors = TensorView(name: "vectors", dtype: .f32, shape: [texts.count, dimension], file: file, offset: vectorsAt),
            let features = TensorView(name: "features", dtype: .f16, shape: [texts.count, featureDimension], file: file, offset: featuresAt),
            let mean = TensorView(name: "mean", dtype: .f32, shape: [dimension], file: file, offset: Self.headerBytes)?.floats(),
            mean.allSatisfy(\.isFinite)
        else { return nil }
        let digest = ContentDigest(rawBytes: Array(head[24..<56]))
        return ExampleVectors(texts: texts, mean: mean, vectors: vectors, features: FeatureRows(features, digest: digest))
    }

    /// Writes beside the name and renames; a full disk costs the cache, not the service, so failures are silent.
    func store(_ examples: ExampleVectors, encoder: String) {
        mkdir(folder, 0o755)
        let head =
            Self.header(examples.texts.count, examples.dimension, examples.featureDimension) + examples.features.digest.rawBytes
            + [UInt8](repeating: 0, count: 8)
        StoredFile.write(path(texts: examples.texts, encoder: encoder)) { write in
            head.withUnsafeBytes(write) && examples.mean.withUnsafeBytes(write) && examples.withUnsafeBytes(write)
                && examples.features.withUnsafeBytes(write)
        }
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

/// A file that is there whole or not at all.
enum StoredFile {
    /// - Parameter body: hands each piece to `write`, which answers whether it was taken.
    static func write(_ path: String, _ body: (_ write: (UnsafeRawBufferPointer) -> Bool) -> Bool) {
        let partial = "\(path).\(getpid()).partial"
        guard let file = fopen(partial, "wbe") else { return }
        let isWhole = body { bytes in bytes.isEmpty || fwrite(bytes.baseAddress, 1, bytes.count, file) == bytes.count }
        if fclose(file) == 0 && isWhole {
            rename(partial, path)
        } else {
            unlink(partial)
        }
    }
}
