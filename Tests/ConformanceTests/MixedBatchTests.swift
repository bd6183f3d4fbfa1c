import Foundation
import Models
import Tensors
import Testing
import Weights

@testable import Adapters

/// One step with rows of whatever there is: each row equals itself alone.
@Suite("rows of all families in one step, from a printed seed", .serialized)
struct MixedBatchTests {
    /// A plain LoRA on all linear layers, made here.
    static func lowRank(_ rank: Int, _ configuration: DecoderConfiguration, _ random: inout SeededRandom) throws -> AdapterDelta {
        var patches: [(layer: Int, projection: Projection, patch: LinearPatch)] = []
        for layer in 0..<configuration.layers {
            for projection in Projection.allCases where configuration.has(projection) {
                let (outputs, inputs) = projection.shape(in: configuration)
                let seed = "\(random.next())"
                // Such that its effect does not grow with widths or the rank.
                let exponents = (8 + Int(log2(Double(inputs)) / 2), 7 + Int(log2(Double(rank)) / 2))
                let a = try SeededTensor.make("a", seed: seed, shape: [rank, inputs], exponent: exponents.0, offset: 0)
                let b = try SeededTensor.make("b", seed: seed, shape: [outputs, rank], exponent: exponents.1, offset: 0)
                patches.append((layer, projection, LinearPatch(lowRank: try LowRank(a: a, b: b, scale: 0.5, element: .int8))))
            }
        }
        return AdapterDelta(layers: configuration.layers, patches: patches)
    }

    /// Sequences of random lengths, with an adapter each.
    static func sequences(
        _ deltas: [AdapterDelta?], _ configuration: DecoderConfiguration, longest: Int, _ random: inout SeededRandom
    ) -> [Sequence] {
        var firstBlock: Int32 = 0
        return deltas.map { delta in
            let tokens = (0..<Int.random(in: 1...longest, using: &random)).map { _ in
                Int32.random(in: 0..<Int32(configuration.vocabulary), using: &random)
            }
            let sequence = Sequence(tokens, delta: delta, firstBlock: firstBlock)
            firstBlock += Int32(sequence.blocks.count)
            return sequence
        }
    }

    /// `names[i]` says what sequence i is under.
    static func check(
        _ sequences: [Sequence], _ names: [String], _ files: ModelFiles, threads: ClosedRange<Int>, seed: UInt64,
        _ random: inout SeededRandom
    ) throws {
        let single = try StepWorkspace(files, precision: .fast, pool: WorkerPool(threads: 1))
        let alone = sequences.map { $0.logits(single) }
        for (index, rows) in alone.enumerated() {
            #expect(rows.allSatisfy { $0.allSatisfy(\.isFinite) }, "\(names[index])")
        }
        for threads in threads {
            let maximumRows = [512, 64, 13].randomElement(using: &random) ?? 512
            let decoder = try StepWorkspace(files, precision: .fast, pool: WorkerPool(threads: threads), maximumRows: maximumRows)
            for (index, rows) in Sequence.together(sequences, decoder, longestPart: 40, &random).enumerated() {
                #expect(rows == alone[index], "\(names[index]) beside \(names), \(threads) threads, LMOE_TEST_SEED=\(seed)")
            }
        }
    }

    @Test("tiny bases", arguments: ["llama", "qwen2", "llama3", "mixtral", "qwen3moe"])
    func tiny(base: String) throws {
        var (random, seed) = SeededRandom.drawn(for: "rows of all families on \(base)")
        let files = try TinyBase.files(base)
        let fixtures = FixtureCase.all.filter { $0.base == base }
        var known: [(name: String, delta: AdapterDelta?)] = try fixtures.map {
            ($0.name, try $0.store(element: LowRank.Element.allCases.randomElement(using: &random) ?? .int8).acquire($0.name).delta)
        }
        for rank in [1, 4, 16, 64] { known.append(("rank \(rank)", try Self.lowRank(rank, files.configuration, &random))) }
        known.append(("base", nil))
        for _ in 0..<3 {
            // All once and, so that equal ones meet too, some of them again.
            let chosen = (known + (0..<4).compactMap { _ in known.randomElement(using: &random) }).shuffled(using: &random)
            let sequences = Self.sequences(chosen.map(\.delta), files.configuration, longest: 40, &random)
            try Self.check(sequences, chosen.map(\.name), files, threads: 1...3, seed: seed, &random)
        }
    }

    @Test("the real base")
    func real() throws {
        var (random, seed) = SeededRandom.drawn(for: "rows of all families on the real base")
        let files = try RealBase.files()
        let folder = try AdapterFolder(isLarge: true)
        // A head of its own takes as long to make as all others together, and tiny bases have it, too.
        let names = RealBase.all.filter { $0 != "saved-head" }
        for name in names { try RealBase.write(name, in: folder) }
        let store = folder.store(files, element: .int8)
        _ = store.rescan()
        let adapters = try names.map { try store.acquire($0) }
        var known: [(name: String, delta: AdapterDelta?)] = adapters.map { ($0.name, $0.delta) }
        for rank in [4, 16, 64] { known.append(("rank \(rank)", try Self.lowRank(rank, files.configuration, &random))) }
        known.append(("base", nil))
        let chosen = (known + [known[0]]).shuffled(using: &random)
        let sequences = Self.sequences(chosen.map(\.delta), files.configuration, longest: 9, &random)
        try Self.check(sequences, chosen.map(\.name), files, threads: 2...2, seed: seed, &random)
    }
}
