internal import MergeMethods

extension RecipeParser {
    /// A model's reference, as text or as an object.
    mutating func model(_ node: RecipeNode) throws(MergeError) -> ModelReference {
        let reference = try reference(node)
        note(reference, node)
        return reference
    }

    private func reference(_ node: RecipeNode) throws(MergeError) -> ModelReference {
        if let text = node.text {
            let parts = text.split(separator: "+", omittingEmptySubsequences: false).map(String.init)
            guard parts.count <= 2 else {
                throw error("`\(text)` has more than one `+`; write {model: {path: ...}, lora: {path: ...}} for paths with a `+` in them", node.line)
            }
            return ModelReference(
                model: try place(parts[0], node.line),
                adapter: parts.count == 2 ? try place(parts[1], node.line) : nil)
        }
        guard node.mapping != nil else { throw error("expected a model: `path`, `path@revision` or `path+lora`", node.line) }
        let entries = try fields(node, ["model", "lora", "override_architecture"], of: "a model's reference")
        if let entry = entries["override_architecture"] {
            throw error("`override_architecture` is not possible: a model is read as what its config.json says", entry.line)
        }
        guard let entry = entries["model"] else { throw error("a model's reference has to have `model: {path: ...}`", node.line) }
        var reference = ModelReference(model: try place(entry.value))
        if let entry = entries["lora"] { reference.adapter = try place(entry.value) }
        return reference
    }

    private func place(_ node: RecipeNode) throws(MergeError) -> ModelReference.Place {
        if let text = node.text { return try place(text, node.line) }
        let entries = try fields(node, ["path", "revision"], of: "a path's object form")
        guard let entry = entries["path"] else { throw error("a path's object form has to have a `path`", node.line) }
        return ModelReference.Place(path: try string(entry), revision: try entries["revision"].map(string))
    }

    private func place(_ text: String, _ line: Int) throws(MergeError) -> ModelReference.Place {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 2 else {
            throw error("`\(text)` has more than one `@`; write {path: ..., revision: ...} for paths with an `@` in them", line)
        }
        guard !parts.contains("") else { throw error("`\(text)` is no model: expected `path`, `path@revision` or `path+lora`", line) }
        return ModelReference.Place(path: parts[0], revision: parts.count == 2 ? parts[1] : nil)
    }

    // MARK: Tokenizers

    mutating func tokenizerSource(_ node: RecipeNode) throws(MergeError) -> RecipeTokenizer.Source {
        switch node.text {
        case "union": .union
        case "base": .base
        default: .model(try model(node))
        }
    }

    mutating func tokenizer(_ entry: RecipeNode.Entry) throws(MergeError) -> RecipeTokenizer {
        let entries = try fields(entry.value, ["source", "tokens", "pad_to_multiple_of"], of: "`tokenizer`")
        var result = RecipeTokenizer(source: .union, line: entry.line)
        if let source = entries["source"] { result.source = try tokenizerSource(source.value) }
        if let pad = entries["pad_to_multiple_of"] {
            guard let multiple = pad.value.scalar?.count, (1...1 << 20).contains(multiple) else {
                throw error("`pad_to_multiple_of` has to be a whole number from 1 to \(1 << 20)", pad.line)
            }
            result.padToMultipleOf = multiple
        }
        if let tokens = entries["tokens"] {
            guard let mapping = tokens.value.mapping else { throw error("`tokens` has to be a mapping of tokens to {source: ...}", tokens.line) }
            for token in mapping { result.tokens.append(try self.token(token)) }
        }
        return result
    }

    private mutating func token(_ entry: RecipeNode.Entry) throws(MergeError) -> RecipeTokenizer.Token {
        let entries = try fields(entry.value, ["source", "force"], of: "a token")
        var result = RecipeTokenizer.Token(name: entry.key, line: entry.line)
        if let force = entries["force"] {
            guard let value = force.value.scalar?.value(.flag) else { throw error("`force` has to be true or false", force.line) }
            result.isForced = value != 0
        }
        if let source = entries["source"] { result.source = try embedding(source.value) }
        return result
    }

    private mutating func embedding(_ node: RecipeNode) throws(MergeError) -> RecipeTokenizer.Embedding {
        guard let kind = node.mapping?.first(where: { $0.key == "kind" }) else { return .model(try model(node)) }
        switch kind.value.text {
        case "zero":
            _ = try fields(node, ["kind"], of: "a source of kind `zero`")
            return .zero
        case "model_token":
            let entries = try fields(node, ["kind", "model", "token", "token_id"], of: "a source of kind `model_token`")
            guard let entry = entries["model"] else { throw error("a source of kind `model_token` has to have a `model`", node.line) }
            let model = try model(entry.value)
            switch (entries["token"], entries["token_id"]) {
            case (let token?, nil): return .token(try string(token), of: model)
            case (nil, let id?):
                guard let row = id.value.scalar?.count, row >= 0 else { throw error("`token_id` has to be a whole number from 0", id.line) }
                return .row(row, of: model)
            default: throw error("a source of kind `model_token` has either a `token` or a `token_id`", node.line)
            }
        default:
            throw error("`kind` has to be `model_token` or `zero`", kind.line)
        }
    }
}
