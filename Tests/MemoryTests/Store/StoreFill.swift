import Embeddings
import Foundation
import Models
import Tensors
import TestSupport
import Testing

@testable import Memory

/// Not a test of CI: fills a memory for measurements of its size. `LMOE_FILL_MEMORY=FOLDER LMOE_FILL_FACTS=100000 swift test --filter StoreFill`
/// adds facts until so many are there.
///
/// Their questions differ and have keys by the encoder, as every fact. Their answers and experts are copies of the facts that the folder held
/// before, so they answer nothing that is right.
@Suite struct StoreFill {
    private static let environment = ProcessInfo.processInfo.environment

    @Test("a memory is filled", .enabled(if: environment["LMOE_FILL_MEMORY"] != nil))
    func fill() throws {
        let folder = try #require(Self.environment["LMOE_FILL_MEMORY"])
        let count = try #require(Int(Self.environment["LMOE_FILL_FACTS"] ?? ""))
        let encoder = try EncoderEmbedder(folder: Checkout.model("encoder"), precision: .fast, pool: WorkerPool(threads: 2))
        let store = try MemoryStore(folder, identity: try MemorySnapshot.read(folder).identity)
        #expect(store.snapshot.identity.encoder == encoder.identity)
        var written: [FactRecord] = []
        for id in store.snapshot.ids.prefix(64) { written.append(try #require(try store.snapshot.record(id))) }
        #expect(!written.isEmpty, "the folder has no fact to copy")
        var number = 0
        while store.snapshot.count < count {
            let questions = (0..<min(256, count - store.snapshot.count)).map { Self.question(number + $0) }
            let keys = try encoder.pieces(of: questions).map { FactKey($0) }
            let records = zip(questions, keys).enumerated().map { place, pair in
                var record = written[(number + place) % written.count]
                record.fact = Fact(id: 0, question: pair.0, answer: record.fact.answer, source: "copied", created: 0)
                (record.keys, record.rivalry) = ([pair.1], nil)
                return record
            }
            try store.apply(records.map { .add($0) })
            number += questions.count
        }
        print("\(folder): \(store.snapshot.count) facts, \(number) of them copies of \(written.count)")
    }

    private static let things = ["access code", "serial number", "door code", "voucher code", "wifi password", "licence number", "tracking number", "key"]
    private static let kinds = ["account", "project", "warehouse", "contract", "workshop", "archive", "vessel", "depot"]
    private static let syllables = ["ab", "bor", "cas", "dan", "ef", "fal", "gim", "hor", "ist", "jun", "kas", "lom", "mer", "nal", "ost", "pra"]

    private static func question(_ number: Int) -> String {
        let name = [number / 64, number / 1024, number / 16_384, number / 262_144].map { syllables[$0 % syllables.count] }.joined()
        return "What is the \(things[number % 8]) of the \(name.capitalized) \(kinds[number / 8 % 8])?"
    }
}
