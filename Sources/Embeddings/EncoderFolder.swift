internal import Files
import JSON
internal import Tensors

/// The files of an encoder that decide its vectors.
public enum EncoderFolder {
    /// A name for the content of the files that decide the vectors, and for `precision`: it changes when one of them does.
    ///
    /// Cost: reads the weights once, about 20 ms for 90 MB in the page cache, a few megabytes at a time.
    /// Errors: `notFound` for a file that is missing or cannot be read, `malformed` for an index that is no JSON.
    public static func identity(_ folder: String, precision: String) throws(EmbeddingError) -> String {
        var parts: [ContentDigest] = []
        let isStatic = StaticEmbedder.isStatic(folder: folder)
        for name in (isStatic ? [] : ["config.json"]) + ["tokenizer.json"] + (try weights(folder)) {
            guard let digest = try digest("\(folder)/\(name)") else {
                throw EmbeddingError(.notFound, "the encoder needs this file", file: "\(folder)/\(name)")
            }
            parts += [ContentDigest(of: name), digest]
        }
        // A folder may do without these.
        for name in ["modules.json", "1_Pooling/config.json", "sentence_bert_config.json"] {
            if let digest = try digest("\(folder)/\(name)") { parts += [ContentDigest(of: name), digest] }
        }
        return "\(ContentDigest(of: parts).hexadecimal.prefix(16))-\(precision)"
    }

    /// Of a file's pieces; nil when there is no such file.
    private static func digest(_ path: String) throws(EmbeddingError) -> ContentDigest? {
        guard let file = try open(path) else { return nil }
        var pieces: [ContentDigest] = []
        var buffer = [UInt8](repeating: 0, count: min(pieceBytes, max(file.size, 1)))
        for start in stride(from: 0, to: file.size, by: pieceBytes) {
            let count = min(pieceBytes, file.size - start)
            let piece: Result<ContentDigest, FileError> = buffer.withUnsafeMutableBytes { buffer in
                Result { () throws(FileError) in
                    let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
                    try file.read(into: part, at: start)
                    return ContentDigest(of: UnsafeRawBufferPointer(part))
                }
            }
            do throws(FileError) {
                pieces.append(try piece.get())
            } catch {
                throw EmbeddingError(error)
            }
        }
        return ContentDigest(of: pieces)
    }

    private static let pieceBytes = 4 << 20
    private static let mostIndexBytes = 64 << 20

    /// `model.safetensors`, or the shards that `model.safetensors.index.json` names.
    private static func weights(_ folder: String) throws(EmbeddingError) -> [String] {
        let path = "\(folder)/model.safetensors.index.json"
        guard try open("\(folder)/model.safetensors") == nil, let index = try open(path) else { return ["model.safetensors"] }
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try index.contents(limitBytes: mostIndexBytes)
        } catch {
            throw EmbeddingError(error)
        }
        do {
            let document = JSONCursor(try JSONValue.parse(Array(ByteOrderMark.skipped(bytes))))
            var shards: Set<String> = []
            for (_, shard) in try document["weight_map"].members() { shards.insert(try shard.string()) }
            return ["model.safetensors.index.json"] + shards.sorted()
        } catch {
            throw EmbeddingError(.malformed, "\(error)", file: path)
        }
    }

    private static func open(_ path: String) throws(EmbeddingError) -> RegularFile? {
        do throws(FileError) {
            return try RegularFile(path)
        } catch where error.code == .notFound {
            return nil
        } catch {
            throw EmbeddingError(error)
        }
    }
}

extension EmbeddingError {
    init(_ error: FileError) { self.init(.notFound, error.message, file: error.path) }
}
