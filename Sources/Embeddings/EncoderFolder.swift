/// The files of an encoder that decide its vectors.
public enum EncoderFolder {
    /// A name for the content of the files that decide the vectors, and for `precision`: changes when one of them does.
    ///
    /// Cost: reads the weights once, about 30 ms for 90 MB in the page cache.
    /// Errors: `notFound` when there are no weights or no tokenizer.
    public static func identity(_ folder: String, weights: [String], precision: String) throws(EmbeddingError) -> String {
        var hash = ContentHash()
        for name in ["config.json", "tokenizer.json"] + weights {
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
}
