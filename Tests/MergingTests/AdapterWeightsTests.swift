import Adapters
import Foundation
import JSON
import MergeMethods
import Merging
import Models
import Tensors
import TestSupport
import Testing
import Weights

/// An adapter as its own package wrote it, its base, and the logits that the package computes with both.
struct PackageFixture: Sendable, CustomTestStringConvertible {
    let name: String
    let folder: String
    let base: String

    var testDescription: String { name }

    static let all: [PackageFixture] = {
        let folders = ["ConformanceTests", "AdaptersTests"].map { "\(Checkout.path)/Tests/\($0)/Fixtures/tiny" }
        return folders.flatMap { parent in
            ((try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []).sorted().compactMap { name in
                PackageFixture(name: name, folder: "\(parent)/\(name)")
            }
        }
    }()

    private init?(name: String, folder: String) {
        guard let text = FileManager.default.contents(atPath: "\(folder)/adapter_config.json"),
            let path = try? JSONValue.parse(Array(text))["base_model_name_or_path"]?.stringValue, let base = path.split(separator: "/").last
        else { return nil }
        self.name = name
        self.folder = folder
        self.base = "\(Checkout.path)/Tests/ModelsTests/Fixtures/tiny/\(base)"
    }

    /// Families and options that are no change of weights.
    var isServedOnly: Bool {
        ["mixlora", "mola", "loramoe", "alora", "vocabulary", "fused-bias", "head-bias", "experts-gptoss"].contains(where: name.hasPrefix) || name == "bias"
    }
}

@Suite("A model with an adapter applied")
struct AdapterWeightsTests {
    @Test("Its weights give the logits of the package that wrote the adapter", arguments: PackageFixture.all.filter { !$0.isServedOnly })
    func logits(fixture: PackageFixture) throws {
        let adapted = try AdaptedTensors(ModelFiles.open(fixture.base), adapter: fixture.folder)
        let folder = try TemporaryFolder()
        try folder.writeModel(adapted, configuration: "\(fixture.base)/config.json")
        let expected = try SafetensorsFile.open("\(fixture.folder)/expected.safetensors")
        let tokens = try expected.tensor("tokens").int32s()
        let rows = try ModelFiles.open(folder.path).logits(tokens)
        #expect(relativeDifference(rows, try expected.tensor("logits").floats()) < 1e-4)
    }

    @Test("An effect that weights cannot have is refused with its reason", arguments: PackageFixture.all.filter(\.isServedOnly))
    func refused(fixture: PackageFixture) throws {
        let files = try ModelFiles.open(fixture.base)
        let error = #expect(throws: MergeError.self) { try AdaptedTensors(files, adapter: fixture.folder) }
        #expect(error?.code == .unsupported && error?.file == fixture.folder)
    }

    @Test("Rows of a GGUF file, which interleaves the halves of heads, get their own changes", .enabled(if: Checkout.isCI || Checkout.exists(Checkout.model("base.gguf"))))
    func interleaved() throws {
        let files = try ModelFiles.open(Checkout.model("base.gguf"))
        let folder = "\(Checkout.path)/adapters/sql"
        let adapted = try AdaptedTensors(files, adapter: folder)
        let tensors = try SafetensorsFile.open("\(folder)/adapter_model.safetensors")
        // rsLoRA: alpha 16, rank 8.
        let scale = Float(16 / 8.0.squareRoot())
        let base = BaseWeights(files)
        for (projection, name) in [(Projection.query, "attn_q"), (.key, "attn_k"), (.down, "ffn_down")] {
            let module = "base_model.model.model.layers.3.\(projection.checkpointName)"
            let (a, b) = (try tensors.tensor("\(module).lora_A.weight"), try tensors.tensor("\(module).lora_B.weight"))
            let (outputs, inputs, rank) = (b.rows, a.columns, a.rows)
            let plain = FloatBuffer(count: outputs * inputs)
            base.read(0..<outputs, of: 3, projection, into: plain.pointer)
            let stored = try GGUFFile.open(files.path).tensor("blk.3.\(name).weight").floats()
            let found = FloatBuffer(count: outputs * inputs)
            try adapted.reader(of: "blk.3.\(name).weight").read(0..<outputs, into: found.pointer)
            func row(_ values: some Collection<Float>) -> [UInt32] { values.map(\.bitPattern) }
            let places = Dictionary(
                (0..<outputs).map { (row(UnsafeBufferPointer(start: plain.pointer + $0 * inputs, count: inputs)), $0) }) { first, _ in first }
            var worst: Float = 0
            let (first, second) = (a.floats(), b.floats())
            for place in 0..<outputs {
                let own = try #require(places[row(stored[place * inputs..<(place + 1) * inputs])], "a row of the file is one of the model's")
                for column in 0..<inputs {
                    let change = (0..<rank).reduce(Float(0)) { $0 + second[own * rank + $1] * first[$1 * inputs + column] } * scale
                    worst = max(worst, abs(found.pointer[place * inputs + column] - stored[place * inputs + column] - change))
                }
            }
            #expect(worst < 1e-5, "\(name)")
        }
    }

    @Test("Under a checkpoint's names they are the same, in its order of rows", arguments: ["plain", "dora", "ia3-biases", "norms-gemma", "tokens-tied", "saved-head"])
    func checkpoint(name: String) throws {
        let fixture = try #require(PackageFixture.all.first { $0.name == name })
        let files = try ModelFiles.open(fixture.base)
        let adapted = try AdaptedTensors(files, adapter: fixture.folder)
        var changed = 0
        for tensor in try files.checkpointTensors() {
            let rows = tensor.shape.dropLast().reduce(1, *)
            let (one, other) = (FloatBuffer(count: tensor.shape.reduce(1, *)), FloatBuffer(count: tensor.shape.reduce(1, *)))
            try adapted.reader(of: tensor).read(0..<rows, into: one.pointer)
            try adapted.reader(of: tensor.name).read(0..<rows, into: other.pointer)
            #expect((0..<one.count).allSatisfy { one.pointer[$0] == other.pointer[$0] }, "\(tensor.name)")
            changed += adapted.isChanged(checkpoint: tensor.name) ? 1 : 0
        }
        #expect(changed > 0 && changed == adapted.entries.count(where: \.isChanged))
    }

    @Test("Some rows are the same as those of the whole")
    func slices() throws {
        let fixture = try #require(PackageFixture.all.first { $0.name == "fused-dora" })
        let adapted = try AdaptedTensors(ModelFiles.open(fixture.base), adapter: fixture.folder)
        for entry in adapted.entries where entry.isChanged {
            let reader = try adapted.reader(of: entry.name)
            let (rows, columns) = (entry.shape.dropLast().reduce(1, *), entry.shape.last ?? 1)
            let (whole, parts) = (FloatBuffer(count: rows * columns), FloatBuffer(count: rows * columns))
            try reader.read(0..<rows, into: whole.pointer)
            for first in stride(from: 0, to: rows, by: 5) {
                try reader.read(first..<min(first + 5, rows), into: parts.pointer + first * columns)
            }
            #expect((0..<rows * columns).allSatisfy { whole.pointer[$0] == parts.pointer[$0] }, "\(entry.name)")
        }
    }
}

extension TemporaryFolder {
    /// A Hugging Face folder of the tensors in f32.
    func writeModel(_ adapted: AdaptedTensors, configuration: String) throws {
        var document = try #require(try JSONValue.parse(Array(Data(contentsOf: URL(fileURLWithPath: configuration)))).objectValue)
        if adapted.untiesHead { document["tie_word_embeddings"] = false }
        try write(JSONValue.object(document).serializedBytes(), to: "config.json")
        let tensors = try adapted.entries.map { entry in
            let buffer = FloatBuffer(count: entry.shape.reduce(1, *))
            try adapted.reader(of: entry.name).read(0..<entry.shape.dropLast().reduce(1, *), into: buffer.pointer)
            return try #require(TensorView(name: entry.name, shape: entry.shape, buffer: buffer))
        }
        try SafetensorsWriter.write(tensors, metadata: ["format": "pt"], to: place("model.safetensors"))
    }
}

extension ModelFiles {
    /// Of every position by the reference path, one row after the other; with the adapter of a folder beside the weights.
    func logits(_ tokens: [Int32], adapter: String? = nil) throws -> [Float] {
        let delta = try adapter.map { folder in
            try AdapterLoader.whole(folder: folder, base: configuration, weights: BaseWeights(self)).delta
        }
        let pool = WorkerPool(threads: 1)
        let weights = try DecoderWeights(self, precision: .reference, pool: pool, keyValueFormat: .f16)
        let workspace = try StepWorkspace(weights, pool: pool, maximumRows: 512)
        let blocks = (tokens.count + KeyValueCache.blockTokens - 1) / KeyValueCache.blockTokens
        let cache = try weights.makeCache(blocks: blocks)
        let run = StepBatch.Run(
            tokens: 0..<tokens.count, startPosition: 0, blocks: (0..<blocks).map(Int32.init), delta: delta, logits: .all)
        let stride = weights.logitsStride
        let logits = FloatBuffer(count: tokens.count * stride)
        workspace.step(StepBatch(tokens: tokens, runs: [run]), cache: cache, logits: logits.pointer, stride: stride)
        return tokens.indices.flatMap { row in
            Array(UnsafeBufferPointer(start: logits.pointer + row * stride, count: configuration.vocabulary))
        }
    }
}

extension TensorView {
    func int32s() -> [Int32] {
        withUnsafeBytes { bytes in (0..<elementCount).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self) } }
    }
}

/// `max |one - other| / max |other|`; infinite when a value is not finite or the sizes differ.
func relativeDifference(_ one: [Float], _ other: [Float]) -> Float {
    guard one.count == other.count, one.allSatisfy(\.isFinite) else { return .infinity }
    let largest = other.reduce(0) { max($0, abs($1)) }
    return zip(one, other).reduce(0) { max($0, abs($1.0 - $1.1)) } / largest
}
