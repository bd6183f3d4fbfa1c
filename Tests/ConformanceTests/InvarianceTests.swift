import Models
import Tensors
import Testing

@testable import Adapters

@Suite("rows of every family, alone and in company, bit for bit")
struct InvarianceTests {
    @Test("in any batch, cut in any way, on any number of threads", arguments: FixtureCase.all)
    func rows(fixture: FixtureCase) throws {
        var (random, seed) = SeededRandom.drawn(for: fixture.name)
        let single = try TinyBase.decoder(fixture.base, .fast)
        let adapter = try fixture.store(element: .int8).acquire(fixture.name)
        let tokens = try fixture.expected().tensor("tokens").int32s()
        // The base has no tokens of an adapter's own.
        let known = tokens.map { min($0, Int32(single.configuration.vocabulary) - 1) }
        let sequences = [
            Sequence(tokens, delta: adapter.delta, firstBlock: 0), Sequence(known, firstBlock: 2),
            Sequence(tokens.reversed(), delta: adapter.delta, firstBlock: 4), Sequence(known.reversed(), firstBlock: 6),
        ]
        let alone = sequences.map { $0.logits(single) }
        #expect(alone[0] != alone[1])
        for threads in 1...3 {
            let decoder = try TinyBase.decoder(fixture.base, .fast, threads: threads, maximumRows: threads == 2 ? 7 : 64)
            for chunk in [1, 6] { #expect(sequences[0].logits(decoder, chunk: chunk) == alone[0], "chunks of \(chunk), \(threads) threads") }
            let together = Sequence.together(sequences, decoder, &random)
            for (index, rows) in together.enumerated() {
                #expect(rows == alone[index], "sequence \(index), \(threads) threads, seed \(seed)")
            }
        }
    }
}
