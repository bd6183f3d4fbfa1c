public import Models

/// The modules of the base that adapters name, by their paths in Hugging Face checkpoints. Made once for all folders.
public struct BaseModules: Sendable {
    struct Linear: Sendable {
        let path: String
        /// The path and what follows each of its dots: what a list of targets may call it.
        let suffixes: [String]
        let layer: Int
        let projection: Projection
        let outputs: Int
        let inputs: Int
        /// Of a matrix that holds several projections one after the other: those; else empty.
        var parts: [Linear] = []
    }

    static let embedding = "model.embed_tokens"
    static let head = "lm_head"

    /// Layer by layer, in the order of the forward pass.
    let linears: [Linear]
    /// In the order of the forward pass, with their paths.
    let norms: [(place: NormPlace, path: String)]
    /// The base model's.
    let name: String
    let layers: Int
    let configuration: DecoderConfiguration
    /// What deltas are computed from, in families that need the base's values; nil where only headers matter.
    let weights: BaseWeights?
    private let positions: [String: Int]

    public init(_ base: DecoderConfiguration, weights: BaseWeights? = nil) {
        self.init(base, weights: weights, linears: Self.linears(of: base))
    }

    init(_ base: DecoderConfiguration, weights: BaseWeights?, linears: [Linear]) {
        configuration = base
        name = base.name
        layers = base.layers
        self.weights = weights
        self.linears = linears
        norms = NormPlace.all(in: base).map { ($0, $0.path(in: base)) }
        positions = Dictionary(linears.enumerated().map { ($1.path, $0) }) { first, _ in first }
    }

    private static func linears(of base: DecoderConfiguration) -> [Linear] {
        (0..<base.layers).flatMap { layer in
            Projection.allCases.filter(base.has).map { projection in
                let (outputs, inputs) = projection.shape(in: base)
                let path = "model.layers.\(layer).\(projection.checkpointName)"
                return Linear(
                    path: path, suffixes: ModuleSelection.suffixes(path), layer: layer, projection: projection,
                    outputs: outputs, inputs: inputs)
            }
        }
    }

    /// Where in `linears` a module is; nil when the base has no such linear module.
    func position(of path: String) -> Int? { positions[path] }

    /// All that can be targeted.
    var paths: [String] { linears.map(\.path) + [Self.embedding, Self.head] }

    /// The base's weights; noted when only its shapes are known. `need` is what a family has them for, `key` what asks for it.
    func weights(for need: String, key: String, problems: inout AdapterProblems) -> BaseWeights? {
        if weights == nil {
            problems.note(
                AdapterError(
                    .unsupported, "\(need) is computed from the base's weights, of which only the shapes are known here",
                    file: AdapterFile.configuration, key: key))
        }
        return weights
    }

    /// The layer that a path names, whether the base has it or not.
    static func layer(of path: String) -> Int? {
        let prefix = "model.layers."
        guard path.hasPrefix(prefix) else { return nil }
        return Int(path.dropFirst(prefix.count).prefix { $0 != "." })
    }
}

extension Projection {
    /// `q_proj`
    var shortName: String { checkpointName.split(separator: ".").last.map(String.init) ?? checkpointName }
}
