import Embeddings
import Foundation
import Models
import Tensors

@testable import Memory

/// The real encoder, opened once a precision, and a store of questions that it made keys of.
enum GateEncoder {
    static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    static let folder = tests.deletingLastPathComponent().deletingLastPathComponent().path + "/models/encoder"

    static let fast = Result { try EncoderEmbedder(folder: folder, precision: .fast, pool: WorkerPool(threads: 1)) }
    static let reference = Result { try EncoderEmbedder(folder: folder, precision: .reference, pool: WorkerPool(threads: 1)) }

    static func keys(_ texts: [String]) throws -> [FactKey] { try fast.get().pieces(of: texts).map { FactKey($0) } }
}

/// Facts of one wording or several, whose keys are in memory. Their ids begin at 100.
struct ToldQuestions {
    var table = FactKeyTable(dimension: 384)
    var keys: [Fact.ID: [FactKey]] = [:]
    var texts: [Fact.ID: [String]] = [:]
    let gate: MemoryGate

    init(_ questions: [[String]]) throws {
        gate = MemoryGate(vocabulary: WordVocabulary(try GateEncoder.fast.get()))
        for (number, wordings) in questions.enumerated() {
            let id = Fact.ID(100 + number)
            texts[id] = wordings
            let own = try GateEncoder.keys(wordings)
            keys[id] = own
            table.insert(own, of: id)
        }
    }

    func decide(_ text: String, threshold: Float = GateCalibration.least) throws -> GateDecision {
        gate.decide(text, try GateEncoder.keys([text])[0], in: table, threshold: threshold, keys: { keys[$0] }, texts: { texts[$0] })
    }
}
