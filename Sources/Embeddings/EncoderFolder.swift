import JSON
internal import Tensors

/// The files of an encoder that decide its vectors.
public enum EncoderFolder {
    /// A name for the content of the files that decide the vectors, and for `precision`: changes when one of them does.
    ///
    /// Cost: reads the weights once, about 30 ms for 90 MB in the page cache.
    /// Errors: `notFound` when there are no weights or no tokenizer, `malformed` for an index that cannot be read.
    public static func identity(_ folder: String, precision: String) throws(EmbeddingError) -> String {
        var hash = ContentHash()
        for name in ["config.json", "tokenizer.json"] + (try weights(folder)) {
            hash.add(name)
            guard hash.add(file: "\(folder)/\(name)") else {
                throw EmbeddingError(.notFound, "cannot be read", file: "\(folder)/\(name)")
            }
        }
        for name in ["modules.json", "1_Pooling/config.json", "sentence_bert_config.json"] {
            hash.add(name)
            // A folder may do without these.
            _ = hash.add(file: "\(folder)/\(name)")
        }
        return "\(hash.hexadecimal)-\(precision)"
    }

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
