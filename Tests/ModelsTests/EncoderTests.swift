import Foundation
import JSON
import Synchronization
import Tensors
import TestSupport
import Testing
import Weights

@testable import Models

@Suite("the encoder against transformers")
struct EncoderTests {
    static let pool = WorkerPool(threads: 2)

    static func encoder(_ precision: ModelPrecision, pool: WorkerPool = pool) throws -> Encoder {
        try Encoder(folder: encoderPath, precision: precision, pool: pool)
    }

    /// The stored texts' tokens.
    static func texts(_ file: SafetensorsFile) throws -> [[Int32]] {
        var rest = try file.tensor("tokens").int32s()[...]
        return try file.tensor("lengths").int32s().map { length in
            defer { rest = rest.dropFirst(Int(length)) }
            return Array(rest.prefix(Int(length)))
        }
    }

    static func states(_ encoder: Encoder, _ texts: [[Int32]]) throws -> [[Float]] {
        var states: [[Float]] = []
        try encoder.encode(texts) { text, rows in
            #expect(text == states.count)
            states.append(Array(rows.states))
        }
        return states
    }

    /// The mean over tokens.
    static func vector(_ states: [Float], _ hidden: Int) -> [Float] {
        var sum = [Float](repeating: 0, count: hidden)
        for row in 0..<states.count / hidden {
            for column in 0..<hidden { sum[column] += states[row * hidden + column] }
        }
        return sum
    }

    static func cosine(_ one: [Float], _ other: [Float]) -> Double {
        func dot(_ x: [Float], _ y: [Float]) -> Double { zip(x, y).reduce(0) { $0 + Double($1.0) * Double($1.1) } }
        return dot(one, other) / (dot(one, one) * dot(other, other)).squareRoot()
    }

    @Test("means of what enters the first and the middle layer: 1e-4 on the reference path, cosine 0.998 on the fast one, alone as among others")
    func layerMeans() throws {
        let file = try SafetensorsFile.open(fixtures.appendingPathComponent("encoder.safetensors").path)
        let all = try Self.texts(file)
        let texts = Array(all[..<12] + all[200...])
        let expected = try file.tensor("layer_means").floats()
        let size = 2 * 384
        for precision in [ModelPrecision.reference, .fast] {
            let encoder = try Self.encoder(precision)
            var means: [[Float]] = []
            try encoder.encode(texts) { _, encoded in means.append(Array(encoded.layerMeans)) }
            try #require(means.count == texts.count)
            for (text, mean) in means.enumerated() {
                let wanted = Array(expected[text * size..<(text + 1) * size])
                for block in [0..<384, 384..<768] {
                    let cosine = Self.cosine(Array(mean[block]), Array(wanted[block]))
                    #expect(cosine > (precision == .fast ? 0.998 : 1 - 1e-7), "text \(text)")
                }
                if precision == .reference { #expect(zip(mean, wanted).allSatisfy { abs($0 - $1) < 1e-4 * max(1, abs($1)) }) }
            }
            guard precision == .fast else { continue }
            var alone: [Float] = []
            try encoder.encode([texts[3]]) { _, encoded in alone = Array(encoded.layerMeans) }
            #expect(alone == means[3])
        }
    }

    @Test("sentence vectors within cosine 0.9999 on the reference path and 0.999 on the fast one")
    func vectors() throws {
        let file = try SafetensorsFile.open(fixtures.appendingPathComponent("encoder.safetensors").path)
        let texts = try Self.texts(file)
        let hidden = 384
        let rounded = try file.tensor("vectors_f16").floats()
        for (precision, least) in [(ModelPrecision.reference, 0.9999), (.fast, 0.999)] {
            let states = try Self.states(Self.encoder(precision), texts)
            #expect(states.count == 202)
            var worst = 1.0
            for (text, rows) in states.enumerated() {
                #expect(rows.count == texts[text].count * hidden)
                let expected = Array(rounded[text * hidden..<(text + 1) * hidden])
                worst = min(worst, Self.cosine(Self.vector(rows, hidden), expected))
            }
            print("encoder, \(precision.rawValue): least cosine of \(states.count) texts \(worst)")
            #expect(worst >= least)
        }
    }

    @Test("hidden states within 1e-4 on the reference path")
    func hiddenStates() throws {
        let file = try SafetensorsFile.open(fixtures.appendingPathComponent("encoder.safetensors").path)
        let states = try Self.states(Self.encoder(.reference), Array(Self.texts(file).prefix(3)))
        let expected = try file.tensor("hidden").floats()
        #expect(relativeDifference(states.flatMap { $0 }, expected) < 1e-4)
    }

    @Test("a text's states have the same bits alone, among others, on any number of threads and from many threads at once")
    func invariance() throws {
        let file = try SafetensorsFile.open(fixtures.appendingPathComponent("encoder.safetensors").path)
        let texts = try Self.texts(file).suffix(40) + [[]]
        let alone = try Self.encoder(.fast, pool: WorkerPool(threads: 1))
        let expected = try texts.map { try Self.states(alone, [$0])[0] }
        let encoder = try Self.encoder(.fast, pool: WorkerPool(threads: 3))
        #expect(try Self.states(encoder, Array(texts)) == expected)
        let shared = try Self.encoder(.fast)
        let (inputs, count) = (Array(texts), texts.count)
        let mistakes = Counter()
        DispatchQueue.concurrentPerform(iterations: 8) { iteration in
            for place in stride(from: iteration, to: count, by: 8) {
                let found = try? Self.states(shared, [inputs[place], inputs[0]])
                if found != [expected[place], expected[0]] { mistakes.add() }
            }
        }
        #expect(mistakes.value == 0)
    }

    @Test("texts that are too long and tokens that are none are refused")
    func limits() throws {
        let encoder = try Self.encoder(.fast)
        #expect(encoder.configuration.maximumTokens == 512)
        #expect(try Self.states(encoder, [[Int32](repeating: 7, count: 512)])[0].count == 512 * 384)
        let long = try #require(throws: ModelError.self) {
            try Self.states(encoder, [[101, 102], [Int32](repeating: 7, count: 513)])
        }
        #expect(long.code == .limitExceeded && long.message.contains("text 1 has 513 tokens"))
        for token: Int32 in [-1, 30522] {
            #expect(throws: ModelError.self) { try Self.states(encoder, [[101, token]]) }
        }
    }

    @Test(
        "a configuration that cannot be is refused",
        arguments: [
            ("num_attention_heads", "0"), ("num_attention_heads", "7"), ("hidden_size", "99999999"), ("num_hidden_layers", "-1"),
            ("hidden_act", "\"relu\""), ("position_embedding_type", "\"relative_key\""), ("model_type", "\"roberta\""),
            ("type_vocab_size", "0"), ("vocab_size", "\"many\""), ("num_hidden_layers", "5"), ("num_hidden_layers", "7"),
            ("hidden_size", "192"), ("max_position_embeddings", "513"),
        ])
    func hostile(key: String, value: String) throws {
        let folder = NSTemporaryDirectory() + "lmoe-encoder-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let text = try Data(contentsOf: URL(fileURLWithPath: encoderPath + "/config.json"))
        var config = try #require(JSONValue.parse(Array(text)).objectValue)
        config[key] = try JSONValue.parse(value)
        try Data(JSONValue.object(config).serializedBytes()).write(to: URL(fileURLWithPath: folder + "/config.json"))
        try FileManager.default.createSymbolicLink(
            atPath: folder + "/model.safetensors", withDestinationPath: encoderPath + "/model.safetensors")
        let error = try #require(throws: ModelError.self) {
            try Encoder(folder: folder, precision: .reference, pool: Self.pool)
        }
        #expect(error.file?.hasPrefix(folder) == true, "\(error)")
    }
}

/// Counts from many threads.
private final class Counter: Sendable {
    private let count = Mutex(0)
    var value: Int { count.withLock { $0 } }
    func add() { count.withLock { $0 += 1 } }

    @Test("a model file that another process truncates is an error, not zeros and not the end of the process")
    func truncated() throws {
        let folder = try TemporaryFolder()
        for name in ["config.json", "model.safetensors"] {
            try FileManager.default.copyItem(atPath: "\(encoderPath)/\(name)", toPath: folder.place(name))
        }
        let encoder = try Encoder(folder: folder.path, precision: .fast, pool: EncoderTests.pool)
        try encoder.encode([[101, 102]]) { _, _ in }
        #expect(truncate(folder.place("model.safetensors"), 1 << 20) == 0)
        #expect(throws: ModelError.self) { try encoder.encode([[101, 20_000, 102]]) { _, _ in } }
        #expect(throws: ModelError.self) { try Encoder(folder: folder.path, precision: .fast, pool: EncoderTests.pool) }
    }
}
