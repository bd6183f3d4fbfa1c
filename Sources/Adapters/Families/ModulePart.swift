/// What a tensor is in its module, by the end of its name in a PEFT file. A family lists its own.
protocol ModulePart: RawRepresentable<String>, CaseIterable, Equatable, Sendable {}

extension ModulePart {
    /// `base_model.model.model.layers.0.mlp.up_proj.lora_A.weight`
    func name(in module: String) -> String { "\(PartName<Self>.prefix)\(module).\(rawValue)" }
}

/// A tensor's name in a PEFT file, taken apart.
struct PartName<Part: ModulePart>: Sendable, Equatable {
    static var prefix: String { "base_model.model." }

    /// As the base names it: `model.layers.0.mlp.up_proj`.
    let module: String
    let part: Part

    /// A name of the right form, and nil for every other, without a reason.
    init?(plain name: String) {
        let bytes = name.utf8
        guard bytes.starts(with: Self.prefix.utf8), let part = Part.allCases.first(where: { bytes.ends(with: $0.rawValue.utf8) })
        else { return nil }
        let module = bytes.dropFirst(Self.prefix.utf8.count).dropLast(part.rawValue.utf8.count)
        guard module.last == UInt8(ascii: ".") else { return nil }
        self.module = String(Substring(module.dropLast()))
        self.part = part
    }

    /// `kind` says what the adapter is: `a LoRA`. Errors: `unsupported` for what other adapters have, `unreadTensor`.
    init(_ name: String, kind: String) throws(AdapterError) {
        guard let part = Part.allCases.first(where: { name.hasSuffix("." + $0.rawValue) }) else {
            throw Self.unknown(name, kind)
        }
        guard name.hasPrefix(Self.prefix) else {
            throw AdapterError(
                .unreadTensor, "expected a name that begins with \(Self.prefix)", file: AdapterFile.weights, tensor: name)
        }
        module = String(name.dropFirst(Self.prefix.count).dropLast(part.rawValue.count + 1))
        self.part = part
    }

    private static func unknown(_ name: String, _ kind: String) -> AdapterError {
        let own = Part.allCases.map(\.rawValue)
        if own.contains(where: { name.contains("." + $0.prefix { $0 != "." }) }) {
            return AdapterError(
                .unreadTensor, "nothing would read it; expected a name that ends in \(listed(own))", file: AdapterFile.weights,
                tensor: name)
        }
        if let meaning = ForeignTensor.meaning(of: name) {
            return AdapterError(
                .unsupported, "\(meaning), which \(kind) does not have", file: AdapterFile.weights, tensor: name)
        }
        return AdapterError(.unreadTensor, "nothing would read it", file: AdapterFile.weights, tensor: name)
    }
}

/// Tensors that are typical of one kind of adapter, for messages about tensors that a family does not read.
enum ForeignTensor {
    private static let meanings = [
        (".lora_magnitude_vector", "the magnitude of DoRA"), (".lora_embedding_A", "a LoRA of the embedding"),
        (".lora_embedding_B", "a LoRA of the embedding"), (".lora_A.", "a matrix of LoRA"), (".lora_B.", "a matrix of LoRA"),
        (".base_layer.weight", "a copy of a base's weight"), (".base_layer.bias", "a bias of the base (the configuration's `bias`)"),
        (".trainable_tokens_delta", "trained tokens"), (".ia3_l", "an IA3 vector"), (".vera_lambda_", "a VeRA vector"),
        (".vera_A", "a shared matrix of VeRA"), (".vera_B", "a shared matrix of VeRA"), (".lora_E", "singular values of AdaLoRA"),
        (".hada_", "a matrix of LoHa"), (".miss_block", "a block of MiSS"), (".delora_", "a tensor of DeLoRA"),
        (".ln_tuning_layers.", "a trained norm"),
    ]

    static func meaning(of name: String) -> String? { meanings.first { name.contains($0.0) }?.1 }
}

extension String.UTF8View {
    func ends(with end: String.UTF8View) -> Bool { count >= end.count && suffix(end.count).elementsEqual(end) }
}
