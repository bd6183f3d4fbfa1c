import Glibc
internal import Tensors

/// Embedded examples on disk, one file for each list of texts, named by the hash of encoder and texts: equal content
/// is never embedded twice, changed content never hits.
///
/// File: 8 bytes `lmoevec1`, u32 rows, u32 dimension, then rows x dimension f32, little-endian. A damaged file is a miss.
struct VectorCache: Sendable {
    let folder: String

    static let magic: [UInt8] = Array("lmoevec1".utf8)

    func load(texts: [String], encoder: String, dimension: Int) -> [Float]? {
        let expected = texts.count * dimension * 4
        guard let file = fopen(path(texts: texts, encoder: encoder), "rbe") else { return nil }
        defer { fclose(file) }
        var header = [UInt8](repeating: 0, count: 16)
        guard fread(&header, 1, 16, file) == 16, Array(header[..<8]) == Self.magic,
            word(header, at: 8) == texts.count, word(header, at: 12) == dimension
        else { return nil }
        var vectors = [Float](repeating: 0, count: texts.count * dimension)
        guard fread(&vectors, 1, expected, file) == expected, fgetc(file) == EOF, vectors.allSatisfy(\.isFinite)
        else { return nil }
        return vectors
    }

    /// Writes beside the name and renames; a full disk costs the cache, not the service, so failures are silent.
    func store(_ vectors: [Float], texts: [String], encoder: String, dimension: Int) {
        let path = path(texts: texts, encoder: encoder)
        let partial = "\(path).\(getpid()).partial"
        mkdir(folder, 0o755)
        guard let file = fopen(partial, "wbe") else { return }
        var header = Self.magic
        for value in [UInt32(texts.count), UInt32(dimension)] {
            withUnsafeBytes(of: value.littleEndian) { header.append(contentsOf: $0) }
        }
        let written = fwrite(header, 1, header.count, file) == header.count
            && fwrite(vectors, 4, vectors.count, file) == vectors.count
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
