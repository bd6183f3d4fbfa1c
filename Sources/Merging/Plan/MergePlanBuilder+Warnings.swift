internal import JSON
internal import MergeMethods

extension MergePlanBuilder {
    /// What can be done and is probably not what was meant, as far as headers and small files tell.
    func warnings(_ tensors: [MergedTensor]) throws(MergeError) -> [MergeWarning] {
        var warnings = notices
        func warn(_ message: String, line: Int = 1) { warnings.append(MergeWarning(line: line, message: message)) }
        let first = sources[vocabulary?.donor ?? donor]
        if recipe.chatTemplate == nil, try first.chatTemplate() == nil {
            for source in sources where try source.chatTemplate() != nil {
                warn("\(first.reference), whose tokenizer the result gets, has no chat template, and \(source.reference) has one: write `chat_template: auto`, or `tokenizer_source: \(source.reference.model)`")
                break
            }
        }
        let ends = try first.endTokens()
        for source in sources {
            let own = try source.endTokens()
            guard !own.isEmpty, !ends.isEmpty, own != ends else { continue }
            warn(
                "answers end with the tokens \(ends.sorted()) of \(first.reference), and those of \(source.reference) end with \(own.sorted()):"
                    + " `tokenizer_source: \(source.reference.model)` takes its files")
            break
        }
        if let vocabulary, !vocabulary.isShared, let rows = first.vocabularyRows, rows > vocabulary.rows {
            warn(
                "\(first.reference) has \(rows) rows and the tokenizer \(vocabulary.rows) tokens: the rows beyond are left out; `tokenizer: {pad_to_multiple_of: 64}` keeps a padded size",
                line: recipe.tokenizer?.line ?? 1)
        }
        let hasHead = tensors.contains { TensorRole.isHead($0.name) }
        if hasHead, let tied = sources.first(where: { source in !source.names.contains(where: TensorRole.isHead) }) {
            warn("\(tied.reference) has no head of its own, and another model has: its embedding stands for the head, and the result has a head of its own")
        }
        if sources.contains(where: \.isQuantized), recipe.dtype == nil, recipe.outDtype == nil {
            warn("quantised weights are read as numbers, and the result is float16: name another with `out_dtype`")
        }
        return warnings
    }
}

extension MergeSource {
    var isQuantized: Bool { tensors.values.contains { $0.dtype.isQuantized } }

    /// Ids of tokens that end an answer: those of `generation_config.json`, else of `config.json`.
    func endTokens() throws(MergeError) -> Set<Int> {
        let value = try smallDocument("generation_config.json")?["eos_token_id"] ?? configuration["eos_token_id"]
        return Set(value?.arrayValue?.compactMap(\.intValue) ?? value?.intValue.map { [$0] } ?? [])
    }
}
