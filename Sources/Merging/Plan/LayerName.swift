/// A tensor's name with the number of its layer taken out: `model.layers.` and `.mlp.up_proj.weight` around 3.
struct LayerName: Hashable, Sendable {
    let before: String
    let after: String

    /// The first component that is a number is the layer's; later ones count experts. Nil: the tensor belongs to no layer.
    static func split(_ name: String) -> (place: LayerName, layer: Int)? {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard let index = parts.firstIndex(where: { !$0.isEmpty && $0.utf8.allSatisfy { 48...57 ~= $0 } }), index > 0,
            index < parts.count - 1, let layer = Int(parts[index])
        else { return nil }
        return (
            LayerName(before: parts[..<index].joined(separator: "."), after: parts[(index + 1)...].joined(separator: ".")), layer
        )
    }

    func callAsFunction(_ layer: Int) -> String { "\(before).\(layer).\(after)" }
}

/// What a tensor's name says of it.
enum TensorRole {
    static let head = "lm_head.weight"
    static let embedding = "embed_tokens.weight"

    /// A head that lies in the file; a tied one is the embedding's.
    static func isHead(_ name: String) -> Bool { name.hasSuffix(head) }

    static func isEmbedding(_ name: String) -> Bool { name.hasSuffix(embedding) }

    /// Rows are tokens.
    static func isVocabulary(_ name: String) -> Bool { isHead(name) || isEmbedding(name) }

    /// Comes after the layers, so the last slice gives it.
    static func isAfterLayers(_ name: String) -> Bool { isHead(name) || (name.hasSuffix("norm.weight") && !name.contains("embed")) }

    /// Some models of a kind have it, others do not.
    static func isOptional(_ name: String) -> Bool { name.hasSuffix(".bias") || isHead(name) }

    /// A table that old versions wrote and none reads.
    static func isIgnored(_ name: String) -> Bool { name.hasSuffix(".rotary_emb.inv_freq") || name.hasSuffix(".attn.masked_bias") }
}
