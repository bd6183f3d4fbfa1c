internal import JSON
internal import MergeMethods
internal import Tensors

extension MergePlan {
    /// Changes when anything does that the result depends on: recipe, sources, options.
    func digest(_ options: MergeOptions) -> ContentDigest {
        let files = sources.flatMap { source in source.stamps.map { "\($0.path) \($0.stamp)" } }
        let names = tensors.map { "\($0.name) \($0.dtype.name) \($0.shape)" }
        let text = ([recipe.text, "\(options.shardBytes)", "\(options.seed)", options.ggufType?.name ?? ""] + files + names).joined(separator: "\n")
        return ContentDigest(of: text)
    }

    /// What a model's folder has beside its weights, by name.
    func smallFiles(name: String) throws(MergeError) -> [String: [UInt8]] {
        let tokenizerDonor = sources[vocabulary?.donor ?? donor]
        let tokenizer = try TokenizerFiles(
            donor: tokenizerDonor, vocabulary: vocabulary?.document, chatTemplate: recipe.chatTemplate, sources: sources)
        var files = tokenizer.files
        let configuration = MergedConfiguration(
            sources[donor].configuration, layers: layerNumbers, rows: tensors.first { TensorRole.isEmbedding($0.name) }?.shape.first,
            dtype: recipe.outDtype ?? recipe.dtype ?? tensors.first?.dtype, hasHead: tensors.contains { TensorRole.isHead($0.name) })
        files["config.json"] = configuration.document.serializedBytes(pretty: true)
        files["README.md"] = Array(ModelCard(name: name, recipe: recipe, hubNames: hubNames).text.utf8)
        files[StagedModel.mark] = Array(recipe.text.utf8)
        return files
    }

    /// Models that lie in the hub's cache, as the recipe names them.
    private var hubNames: Set<String> {
        Set(sources.filter { $0.path != $0.reference.model.path }.map(\.reference.model.path))
    }
}
