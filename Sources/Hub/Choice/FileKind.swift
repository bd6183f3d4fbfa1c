/// What files of a repository are, by their names.
enum FileKind {
    /// Small files that a model's tokenizer and its templates are in, and the configurations of sentence encoders.
    private static let besideModels: Set<String> = [
        "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
        "vocab.json", "vocab.txt", "merges.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "chat_template.jinja",
        "chat_template.json", "modules.json", "sentence_bert_config.json", "config_sentence_transformers.json", "1_Pooling/config.json",
    ]
    /// The same beside an adapter; a `config.json` there is the base's.
    private static let besideAdapters: Set<String> = [
        "adapter_config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json", "chat_template.jinja", "chat_template.json", "route.yaml", "route.yml", "description.txt", "examples.jsonl",
    ]

    static func isBesideModel(_ file: HubFile) -> Bool { besideModels.contains(file.name) || isNamedTemplate(file) }

    static func isBesideAdapter(_ file: HubFile) -> Bool {
        besideAdapters.contains(file.name) || isNamedTemplate(file)
            || (file.isTop && file.name.hasPrefix("expert_") && file.name.hasSuffix(".jsonl"))
    }

    private static func isNamedTemplate(_ file: HubFile) -> Bool {
        let parts = file.name.split(separator: "/")
        return parts.count == 2 && parts[0] == "additional_chat_templates" && parts[1].hasSuffix(".jinja")
    }

    /// Licence and model card.
    static func isPaper(_ file: HubFile) -> Bool {
        guard file.isTop else { return false }
        let name = file.name.lowercased()
        let parts = name.split(separator: ".")
        guard parts.count <= 2, parts.count < 2 || ["md", "txt"].contains(parts[1]) else { return false }
        return name == "readme.md" || ["license", "licence", "notice", "use_policy", "terms"].contains { parts.first?.hasPrefix($0) == true }
    }

    /// `model.safetensors`, its shards and their index.
    static func isModelWeights(_ file: HubFile) -> Bool { isWeights(file, stem: "model") }

    static func isAdapterWeights(_ file: HubFile) -> Bool { isWeights(file, stem: "adapter_model") || file.name == "adapters.safetensors" }

    private static func isWeights(_ file: HubFile, stem: String) -> Bool {
        guard file.isTop else { return false }
        return file.name == "\(stem).safetensors" || file.name == "\(stem).safetensors.index.json"
            || (file.name.hasPrefix("\(stem)-") && file.name.contains("-of-") && file.name.hasSuffix(".safetensors"))
    }

    /// A language model or an adapter, and not what llama.cpp keeps beside one.
    static func isGGUF(_ file: HubFile) -> Bool {
        let name = file.leaf.lowercased()
        return name.hasSuffix(".gguf") && !name.contains("mmproj") && !name.contains("imatrix")
    }

    /// One part of a GGUF file in several.
    static func isPart(_ file: HubFile) -> Bool {
        let words = file.leaf.dropLast(".gguf".count).split(separator: "-")
        guard words.count >= 3, words[words.count - 2] == "of" else { return false }
        return [words[words.count - 1], words[words.count - 3]].allSatisfy { $0.count == 5 && $0.allSatisfy(\.isNumber) }
    }

    private static let pickleEndings = [".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"]

    static func isPickle(_ file: HubFile) -> Bool { pickleEndings.contains { file.name.lowercased().hasSuffix($0) } }

    private static let safeEndings = [".safetensors", ".gguf", ".json", ".jsonl", ".jinja", ".txt", ".md", ".model", ".yaml", ".yml"]

    /// What may be fetched at all: weights without code, texts and tokenizers.
    static func isSafe(_ file: HubFile) -> Bool {
        isPaper(file) || safeEndings.contains { file.name.lowercased().hasSuffix($0) }
    }
}
