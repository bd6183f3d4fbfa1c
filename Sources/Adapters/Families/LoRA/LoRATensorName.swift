/// A tensor's name in a PEFT file, taken apart: `base_model.model.model.layers.0.mlp.up_proj.lora_A.weight`.
struct LoRATensorName: Sendable, Equatable {
    enum Part: String, Sendable, CaseIterable {
        /// `[rank, inputs]`
        case a = "lora_A.weight"
        /// `[outputs, rank]`
        case b = "lora_B.weight"
        /// `[outputs]`
        case bias = "lora_B.bias"

        /// In a module's tensors.
        var position: Int { self == .a ? 0 : self == .b ? 1 : 2 }
    }

    static let prefix = "base_model.model."
    /// Tensors of other kinds of adapters, with what they are.
    private static let foreign = [
        (".lora_magnitude_vector", "the magnitude of DoRA"), (".lora_embedding_A", "a LoRA of the embedding"),
        (".lora_embedding_B", "a LoRA of the embedding"), (".base_layer.weight", "a copy of a base's weight"),
        (".base_layer.bias", "a bias of the base (the configuration's `bias`)"),
        (".trainable_tokens_delta", "trained tokens"), (".ia3_l", "an IA3 vector"), (".vera_lambda_", "a VeRA vector"),
    ]

    /// As the base names it: `model.layers.0.mlp.up_proj`.
    let module: String
    let part: Part

    static func name(module: String, part: Part) -> String { "\(prefix)\(module).\(part.rawValue)" }

    /// A name of the right form, and nil for every other, without a reason. One that names a module of the base is none of
    /// `foreign`.
    init?(plain name: String) {
        let bytes = name.utf8
        guard bytes.starts(with: Self.prefix.utf8), let part = Part.allCases.first(where: { bytes.ends(in: $0.rawValue.utf8) })
        else { return nil }
        let module = bytes.dropFirst(Self.prefix.utf8.count).dropLast(part.rawValue.utf8.count)
        guard module.last == UInt8(ascii: ".") else { return nil }
        self.module = String(Substring(module.dropLast()))
        self.part = part
    }

    /// Errors: `unsupported` for what other adapters have, `unreadTensor`.
    init(_ name: String, file: String) throws(AdapterError) {
        if let (_, meaning) = Self.foreign.first(where: { name.contains($0.0) }) {
            throw AdapterError(.unsupported, "\(meaning), which a plain LoRA does not have", file: file, tensor: name)
        }
        guard let part = Part.allCases.first(where: { name.hasSuffix("." + $0.rawValue) }) else {
            let hint = name.contains(".lora_") ? "; expected a name that ends in lora_A.weight or lora_B.weight" : ""
            throw AdapterError(.unreadTensor, "nothing would read it\(hint)", file: file, tensor: name)
        }
        guard name.hasPrefix(Self.prefix) else {
            throw AdapterError(.unreadTensor, "expected a name that begins with \(Self.prefix)", file: file, tensor: name)
        }
        module = String(name.dropFirst(Self.prefix.count).dropLast(part.rawValue.count + 1))
        self.part = part
    }
}

extension String.UTF8View {
    fileprivate func ends(in end: String.UTF8View) -> Bool { count >= end.count && suffix(end.count).elementsEqual(end) }
}
