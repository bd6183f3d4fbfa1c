import JSON
internal import Tensors

/// The files of an encoder that decide its vectors.
public enum EncoderFolder {
    /// A name for the content of the files that decide the vectors, and for `precision`: changes when one of them does.
    ///
    /// Cost: reads the weights once, about 15 ms for 90 MB in the page cache; a few megabytes of them are mapped at a time.
    /// Errors: `notFound` when there are no weights or no tokenizer, `malformed` for an index that cannot be read.
    public static func identity(_ folder: String, precision: String) throws(EmbeddingError) -> String {
        var parts: [ContentDigest] = []
        let isStatic = StaticEmbedder.isStatic(folder: folder)
        for name in (isStatic ? [] : ["config.json"]) + ["tokenizer.json"] + (try weights(folder)) {
            guard let digest = digest("\(folder)/\(name)") else {
                throw EmbeddingError(.notFound, "cannot be read", file: "\(folder)/\(name)")
            }
            parts += [ContentDigest(of: name), digest]
        }
        for name in ["modules.json", "1_Pooling/config.json", "sentence_bert_config.json"] {
            // A folder may do without these.
            if let digest = digest("\(folder)/\(name)") { parts += [ContentDigest(of: name), digest] }
        }
        return "\(ContentDigest(of: parts).hexadecimal.prefix(16))-\(precision)"
    }

    /// Of a file's pieces; nil when it cannot be read.
    private static func digest(_ path: String) -> ContentDigest? {
        guard let file = try? MappedFile(path: path) else { return nil }
        let pieces = stride(from: 0, to: file.size, by: pieceBytes).map { start in
            let piece = start..<min(start + pieceBytes, file.size)
            defer { file.advise(.dontNeed, piece) }
            return file.withUnsafeBytes { ContentDigest(of: UnsafeRawBufferPointer(rebasing: $0[piece])) }
        }
        guard (try? file.check()) != nil else { return nil }
        return ContentDigest(of: pieces)
    }

    private static let pieceBytes = 4 << 20

    /// `model.safetensors`, or the shards that `model.safetensors.index.json` names.
    private static func weights(_ folder: String) throws(EmbeddingError) -> [String] {
        let path = "\(folder)/model.safetensors.index.json"
        guard (try? MappedFile(path: "\(folder)/model.safetensors")) == nil, let index = try? MappedFile(path: path) else {
            return ["model.safetensors"]
        }
        do {
            let document = JSONCursor(try JSONValue.parse(index.withUnsafeBytes { Array($0) }))
            var shards: Set<String> = []
            for (_, shard) in try document["weight_map"].members() { shards.insert(try shard.string()) }
            return [path.split(separator: "/").last.map(String.init) ?? path] + shards.sorted()
        } catch {
            throw EmbeddingError(.malformed, "\(error)", file: path)
        }
    }
}
