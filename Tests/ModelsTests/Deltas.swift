import Foundation
import JSON
import Models
import Tensors
import Testing
import Weights

/// Adapters for tests: random ones of every kind of patch, and real ones straight from their files.
enum Deltas {
    /// Low-rank updates of that rank on every projection of every layer.
    static func lowRank(
        _ rank: Int, _ configuration: DecoderConfiguration, _ random: inout TinyModel.Random, element: LowRank.Element = .bf16
    ) throws -> AdapterDelta {
        try delta(configuration) { _, outputs, inputs in
            let a = try TinyModel.view("a", [rank, inputs], random.floats(rank * inputs, scale: 0.2))
            let b = try TinyModel.view("b", [outputs, rank], random.floats(rank * outputs, scale: 0.2))
            return LinearPatch(lowRank: try LowRank(a: a, b: b, scale: 0.5, element: element))
        }
    }

    /// Each part of a patch there or not, as it comes; ranks up to 9.
    static func mixed(_ configuration: DecoderConfiguration, _ random: inout TinyModel.Random) throws -> AdapterDelta {
        try delta(configuration) { _, outputs, inputs in
            var patch = LinearPatch()
            let kind = random.next()
            if kind & 1 == 0 {
                let rank = Int.random(in: 1...9, using: &random)
                patch.lowRank = try LowRank(
                    a: TinyModel.view("a", [rank, inputs], random.floats(rank * inputs, scale: 0.2)),
                    b: TinyModel.view("b", [outputs, rank], random.floats(rank * outputs, scale: 0.2)), scale: 1, element: .f32)
            }
            if kind & 2 == 0 { patch.inputScale = FloatBuffer(random.floats(inputs, scale: 0.5).map { 1 + $0 }) }
            if kind & 4 == 0 { patch.outputScale = FloatBuffer(random.floats(outputs, scale: 0.5).map { 1 + $0 }) }
            if kind & 8 == 0 { patch.bias = FloatBuffer(random.floats(outputs, scale: 0.1)) }
            return patch
        }
    }

    /// Updates of some of the base's experts, of ranks up to 40, of routers in every other layer, and one of values.
    static func experts(
        _ configuration: DecoderConfiguration, _ random: inout TinyModel.Random, element: LowRank.Element
    ) throws -> AdapterDelta {
        func lowRank(_ shape: (outputs: Int, inputs: Int), _ element: LowRank.Element) throws -> LowRank {
            let rank = Int.random(in: 1...40, using: &random)
            return try LowRank(
                a: TinyModel.view("a", [rank, shape.inputs], random.floats(rank * shape.inputs, scale: 0.2)),
                b: TinyModel.view("b", [shape.outputs, rank], random.floats(rank * shape.outputs, scale: 0.2)), scale: 0.5, element: element)
        }
        let count = try #require(configuration.experts).count
        let experts = try (0..<configuration.layers).map { layer in
            let router = layer % 2 == 0 ? try lowRank((count, configuration.hidden), .f32) : nil
            return ExpertsPatch(
                router: router,
                experts: try (0..<count).map { _ in
                    var expert = ExpertsPatch.Expert()
                    for projection in Projection.ofExperts where random.next() % 4 != 0 {
                        expert[projection] = try lowRank(projection.shape(in: configuration), element)
                    }
                    return expert
                })
        }
        let value = LinearPatch(lowRank: try lowRank(Projection.value.shape(in: configuration), element))
        return AdapterDelta(layers: configuration.layers, patches: [(0, .value, value)], experts: experts)
    }

    /// A branch beside the feed-forward in every other layer, of rank 1 to 9, with offsets in every fourth, and a low-rank patch of the values in the others.
    static func branches(_ configuration: DecoderConfiguration, _ random: inout TinyModel.Random) throws -> AdapterDelta {
        let hidden = configuration.hidden
        func lowRank(_ outputs: Int, _ element: LowRank.Element) throws -> LowRank {
            let rank = Int.random(in: 1...9, using: &random)
            return try LowRank(
                a: TinyModel.view("a", [rank, hidden], random.floats(rank * hidden, scale: 0.2)),
                b: TinyModel.view("b", [outputs, rank], random.floats(rank * outputs, scale: 0.2)), scale: 0.7, element: element)
        }
        var branches = [BranchPatch?](repeating: nil, count: configuration.layers)
        var patches: [(layer: Int, projection: Projection, patch: LinearPatch)] = []
        for layer in 0..<configuration.layers {
            if layer % 2 == 0 {
                branches[layer] = BranchPatch(try lowRank(hidden, layer % 4 == 0 ? .f32 : .bf16))
            } else {
                let outputs = Projection.value.shape(in: configuration).outputs
                patches.append((layer, .value, LinearPatch(lowRank: try lowRank(outputs, .f32))))
            }
        }
        for layer in stride(from: 0, to: configuration.layers, by: 4) {
            let rank = branches[layer]?.lowRank.rank ?? 0
            branches[layer]?.offsets = FloatBuffer(random.floats(rank))
        }
        let delta = AdapterDelta(layers: configuration.layers, patches: patches, branches: branches)
        try delta.validate(for: configuration)
        return delta
    }

    /// Parts of embedding and head as they come, some of each kind at least; `element` f32 is read by both paths.
    static func vocabulary(
        _ configuration: DecoderConfiguration, _ random: inout TinyModel.Random, element: LowRank.Element, isOwn: Bool
    ) throws -> AdapterDelta {
        let (vocabulary, hidden) = (configuration.vocabulary, configuration.hidden)
        func view(_ shape: [Int], _ scale: Float) throws -> TensorView {
            try TinyModel.view("v", shape, random.floats(shape.reduce(1, *), scale: scale))
        }
        func rows(_ scale: Float) throws -> TokenRows {
            let tokens = Array((0..<Int32(vocabulary)).shuffled(using: &random).prefix(7))
            return try TokenRows(tokens: tokens, rows: view([7, hidden], scale))
        }
        let rank = Int.random(in: 1...70, using: &random)
        let kept = isOwn ? try VocabularyMatrix(view([vocabulary, hidden], 1), element: element) : nil
        let head = isOwn && Bool.random(using: &random) ? kept : try VocabularyMatrix(view([vocabulary, hidden], 0.2), element: element)
        let delta = AdapterDelta(
            layers: configuration.layers, patches: [],
            embedding: EmbeddingPatch(
                table: kept, rows: Bool.random(using: &random) ? try rows(1) : nil,
                lowRank: try EmbeddingLowRank(a: view([rank, vocabulary], 0.3), b: view([hidden, rank], 0.3), scale: 0.5, element: element),
                outputScale: Bool.random(using: &random) ? FloatBuffer(random.floats(hidden, scale: 0.5).map { 1 + $0 }) : nil),
            head: HeadPatch(
                matrix: isOwn ? head : nil, rows: try rows(0.2),
                linear: LinearPatch(
                    lowRank: try LowRank(a: view([rank, hidden], 0.2), b: view([vocabulary, rank], 0.2), scale: 0.5, element: element),
                    outputScale: Bool.random(using: &random) ? FloatBuffer(random.floats(vocabulary, scale: 0.5).map { 1 + $0 }) : nil,
                    bias: FloatBuffer(random.floats(vocabulary, scale: 0.1)))))
        try delta.validate(for: configuration)
        return delta
    }

    /// A mixture on each projection of attention and in place of each feed-forward, of up to 5 experts each, ranks up to 40; now and
    /// then an expert does nothing. Selections are drawn from those given.
    static func mixtures(
        _ configuration: DecoderConfiguration, _ random: inout TinyModel.Random, element: LowRank.Element,
        selections: [ExpertSelection] = [.top(2), .top(1), .all, .cumulative(threshold: 0.6, temperature: 0)], scalesDown: Bool = false
    ) throws -> AdapterDelta {
        func low(_ projection: Projection) throws -> LowRank? {
            if random.next() % 8 == 0 { return nil }
            let (outputs, inputs) = projection.shape(in: configuration)
            let rank = [1, 2, 7, 16, 40].randomElement(using: &random) ?? 1
            return try LowRank(
                a: TinyModel.view("a", [rank, inputs], random.floats(rank * inputs, scale: 0.2)),
                b: TinyModel.view("b", [outputs, rank], random.floats(rank * outputs, scale: 0.2)), scale: 0.5, element: element)
        }
        func part(_ projection: Projection, scales: Bool) throws -> LinearPatch? {
            let outputs = projection.shape(in: configuration).outputs
            let scale = scales ? FloatBuffer(random.floats(outputs, scale: 0.3).map { 1 + $0 }) : nil
            return LinearPatch(lowRank: try low(projection), outputScale: scale)
        }
        func selection() -> ExpertSelection { selections.randomElement(using: &random) ?? .all }
        var patches: [(layer: Int, projection: Projection, patch: LinearPatch)] = []
        var feedForward: [FeedForwardMixture?] = []
        for layer in 0..<configuration.layers {
            for projection in [Projection.query, .key, .value, .output] {
                let inputs = projection.shape(in: configuration).inputs
                let experts = Int.random(in: 2...5, using: &random)
                let mixture = LinearMixture(
                    router: FloatBuffer(random.floats(experts * inputs, scale: 0.4)), selection: selection(),
                    experts: try (0..<experts).map { _ in try low(projection) })
                patches.append((layer, projection, LinearPatch(mixture: mixture)))
            }
            if configuration.experts != nil { continue }
            let experts = Int.random(in: 2...5, using: &random)
            feedForward.append(
                FeedForwardMixture(
                    router: FloatBuffer(random.floats(experts * configuration.hidden, scale: 0.4)), selection: selection(),
                    experts: try (0..<experts).map { index in
                        .init(
                            gate: try part(.gate, scales: index % 2 == 0), up: try part(.up, scales: false),
                            down: try part(.down, scales: scalesDown))
                    }))
        }
        let delta = AdapterDelta(layers: configuration.layers, patches: patches, feedForward: feedForward)
        try delta.validate(for: configuration)
        return delta
    }

    /// Linear mixtures on all projections.
    static func linearMixtures(
        _ configuration: DecoderConfiguration, _ random: inout TinyModel.Random, element: LowRank.Element
    ) throws -> AdapterDelta {
        try delta(configuration) { _, outputs, inputs in
            let experts = try (0..<3).map { _ in
                try LowRank(
                    a: TinyModel.view("a", [3, inputs], random.floats(3 * inputs, scale: 0.2)),
                    b: TinyModel.view("b", [outputs, 3], random.floats(3 * outputs, scale: 0.2)), scale: 0.5, element: element)
            }
            let mixture = LinearMixture(
                router: FloatBuffer(random.floats(3 * inputs)), selection: random.next() & 1 == 0 ? .top(2) : .all, experts: experts)
            return LinearPatch(mixture: mixture)
        }
    }

    /// A folder of `adapters/`: LoRA on some projections, scaled by `alpha / r`, or `alpha / sqrt(r)` for rsLoRA.
    static func real(
        _ name: String, _ configuration: DecoderConfiguration, element: LowRank.Element = .f32
    ) throws -> AdapterDelta {
        let folder = repository.appendingPathComponent("adapters/\(name)")
        let file = try SafetensorsFile.open(folder.appendingPathComponent("adapter_model.safetensors").path)
        let text = try Data(contentsOf: folder.appendingPathComponent("adapter_config.json"))
        let config = JSONCursor(try JSONValue.parse(Array(text)))
        let rank = try config["r"].double()
        let scale = try Float(config["lora_alpha"].double() / (config["use_rslora"].bool() ? rank.squareRoot() : rank))
        var patches: [(layer: Int, projection: Projection, patch: LinearPatch)] = []
        for layer in 0..<configuration.layers {
            for projection in Projection.allCases {
                let prefix = "base_model.model.model.layers.\(layer).\(projection.checkpointName)"
                guard let a = file.tensors["\(prefix).lora_A.weight"] else { continue }
                let b = try file.tensor("\(prefix).lora_B.weight")
                patches.append(
                    (layer, projection, LinearPatch(lowRank: try LowRank(a: a, b: b, scale: scale, element: element))))
            }
        }
        try #require(2 * patches.count == file.tensors.count)
        return AdapterDelta(layers: configuration.layers, patches: patches)
    }

    private static func delta(
        _ configuration: DecoderConfiguration, _ make: (Projection, Int, Int) throws -> LinearPatch
    ) throws -> AdapterDelta {
        let delta = try AdapterDelta(
            layers: configuration.layers,
            patches: (0..<configuration.layers).flatMap { layer in
                try Projection.allCases.filter(configuration.has).map { projection in
                    let (outputs, inputs) = projection.shape(in: configuration)
                    return (layer, projection, try make(projection, outputs, inputs))
                }
            })
        try delta.validate(for: configuration)
        return delta
    }
}
