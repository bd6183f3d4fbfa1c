internal import JSON
internal import Models
internal import Tensors
internal import Weights

/// A LoRA file of llama.cpp, read as the PEFT folder it was made from: configuration, names, shapes and the order of rows.
///
/// Format: what `convert_lora_to_gguf.py` writes and `llama-adapter.cpp` reads. The factor is `alpha / rank`, with the rank of
/// each pair from its shape; a rank-stabilised factor, or patterns of alphas, are not in such files (`lostNotice`).
struct GGUFAdapter {
    let manifest: AdapterManifest
    let weights: AdapterWeights
    /// What the file calls each tensor, by PEFT's name.
    let names: [String: String]
    /// Tensors that cannot be used, each with the reason.
    let problems: [AdapterError]

    /// Errors: `otherBase`, and those of `GGUFAdapterHeader`.
    init(
        _ file: AdapterFile, depth: AdapterContent.Depth, for base: BaseModules, limits: AdapterLimits
    ) throws(AdapterError) {
        let header = try GGUFAdapterHeader(file, limits: limits)
        try Self.checkArchitecture(header, base, file: file.name)
        var pairing = GGUFPairing(header: header, base: base, limits: limits, file: file.name)
        pairing.sortTensors()
        let pairs = pairing.pairs()
        problems = pairing.errors
        _ = try ConfigurationReader.invocation(
            header.invocation, of: base.configuration, file: file.name, key: "adapter.alora.invocation_tokens")
        manifest = try AdapterManifest(Self.document(header, pairs))
        let tensors = pairs.flatMap { [$0.a, $0.b] }.sorted { $0.stored.offset < $1.stored.offset }
        names = Dictionary(tensors.map { ($0.checkpointName, $0.name) }) { first, _ in first }
        let bytes = tensors.reduce(0) { $0 + $1.stored.room }
        guard bytes <= limits.weightsBytes else {
            throw AdapterError(
                .limitExceeded, "\(bytes) bytes when its elements are f32; at most \(limits.weightsBytes) are read", file: file.name)
        }
        weights = try AdapterWeights(
            tensors.map { ($0.checkpointName, $0.stored) }, of: [file], headers: [(header.file.file, header.file.dataOffset)],
            depth: depth)
    }

    /// What the format may have lost; nil of other formats. The file itself cannot tell.
    static func lostNotice(_ format: AdapterFormat, _ summary: AdapterSummary) -> String? {
        guard format == .gguf, let ranks = summary.ranks else { return nil }
        let found = ranks.lowerBound == ranks.upperBound ? "" : ", and the ranks here are from \(ranks.lowerBound) to \(ranks.upperBound)"
        return "a GGUF file has one alpha and the factor alpha / rank\(found): an adapter with use_rslora or alpha_pattern lost them when it was"
            + " converted, and its PEFT folder is the better source"
    }

    /// llama.cpp's name of the architecture: one for Llama and Mistral.
    private static func checkArchitecture(
        _ header: GGUFAdapterHeader, _ base: BaseModules, file: String
    ) throws(AdapterError) {
        let own = base.configuration.architecture == .mistral ? "llama" : base.configuration.architecture.gguf
        guard header.architecture != own else { return }
        throw AdapterError(
            .otherBase, "made for the architecture \(quoted(header.architecture)); \(base.name) is \(own)", file: file,
            key: "general.architecture")
    }

    /// `adapter_config.json` as PEFT would have it. An alpha of 0 stands for a factor of 1.
    private static func document(_ header: GGUFAdapterHeader, _ pairs: [GGUFPair]) -> JSONObject {
        LoRADocument(
            modules: pairs.map {
                .init(path: $0.path, rank: $0.rank, alpha: header.alpha == 0 ? Double($0.rank) : header.alpha)
            }, baseModelName: header.baseModelName, invocation: header.invocation
        ).json
    }
}
