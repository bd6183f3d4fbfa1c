import Glibc
internal import Tensors

/// Embedded examples on disk, one file for each list of texts, named by the hash of encoder and texts: equal content
/// is never embedded twice, changed content never hits.
///
/// File: 8 bytes `lmoevec2`, u32 rows, u32 columns of vectors and features together, then the vectors and the features, f32,
/// little-endian. A damaged file is a miss.
struct VectorCache: Sendable {
    let folder: String

    static let magic: [UInt8] = Array("lmoevec2".utf8)

    func load(texts: [String], encoder: String, dimension: Int, featureDimension: Int) -> ExampleVectors? {
        let columns = dimension + featureDimension
        let expected = texts.count * columns * 4
        guard let file = fopen(path(texts: texts, encoder: encoder), "rbe") else { return nil }
        defer { fclose(file) }
        var header = [UInt8](repeating: 0, count: 16)
        guard fread(&header, 1, 16, file) == 16, Array(header[..<8]) == Self.magic,
            word(header, at: 8) == texts.count, word(header, at: 12) == columns
        else { return nil }
        var values = [Float](repeating: 0, count: texts.count * columns)
        guard fread(&values, 1, expected, file) == expected, fgetc(file) == EOF, values.allSatisfy(\.isFinite)
        else { return nil }
        let split = texts.count * dimension
        return ExampleVectors(
            texts: texts, vectors: Array(values[..<split]), dimension: dimension, features: Array(values[split...]),
            featureDimension: featureDimension)
    }

    /// Writes beside the name and renames; a full disk costs the cache, not the service, so failures are silent.
    func store(_ examples: ExampleVectors, encoder: String) {
        let path = path(texts: examples.texts, encoder: encoder)
        let partial = "\(path).\(getpid()).partial"
        mkdir(folder, 0o755)
        guard let file = fopen(partial, "wbe") else { return }
        var header = Self.magic
        for value in [UInt32(examples.texts.count), UInt32(examples.dimension + examples.featureDimension)] {
            withUnsafeBytes(of: value.littleEndian) { header.append(contentsOf: $0) }
        }
        let written = fwrite(header, 1, header.count, file) == header.count
            && fwrite(examples.vectors, 4, examples.vectors.count, file) == examples.vectors.count
            && fwrite(examples.features, 4, examples.features.count, file) == examples.features.count
        if fclose(file) == 0 && written {
            rename(partial, path)
        } else {
            unlink(partial)
        }
    }

    private func path(texts: [String], encoder: String) -> String {
        let name = ContentDigest(of: ([encoder] + texts).map { ContentDigest(of: $0) }).hexadecimal
        return "\(folder)/\(name).vec"
    }

    private func word(_ bytes: [UInt8], at offset: Int) -> Int {
        (0..<4).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
    }
}
