import Testing

@testable import Memory

/// Vectors that repeat from run to run.
struct SeededVectors {
    private var generator: SeededGenerator

    init(_ seed: UInt64) { generator = SeededGenerator(state: seed) }

    private struct SeededGenerator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {  // SplitMix64
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    mutating func vector(_ dimension: Int) -> [Int8] { (0..<dimension).map { _ in Int8.random(in: -127...127, using: &generator) } }

    /// The vector with noise of up to so much.
    mutating func near(_ vector: [Int8], _ noise: Int) -> [Int8] {
        vector.map { Int8(clamping: Int($0) + Int.random(in: -noise...noise, using: &generator)) }
    }
}

@Suite("Nearest facts")
struct NearestFactsTests {
    private typealias Told = (fact: Fact.ID, keys: [FactKey])

    private func key(_ vector: [Int8]) -> FactKey {
        let squares = vector.reduce(Float(0)) { $0 + Float($1) * Float($1) }
        return FactKey(sentence: vector, scale: squares > 0 ? 1 / squares.squareRoot() : 0)
    }

    private func cosine(_ a: FactKey, _ b: FactKey) -> Float {
        var product: Int32 = 0
        for (x, y) in zip(a.sentence, b.sentence) { product += Int32(x) * Int32(y) }
        return Float(product) * (a.scale * b.scale)
    }

    /// The best key of each fact, by comparing all.
    private func expected(_ query: FactKey, _ told: [Told], _ count: Int) -> [NearKey] {
        var near: [NearKey] = []
        for (fact, keys) in told {
            var best = NearKey(fact: fact, wording: 0, cosine: cosine(query, keys[0]))
            for (wording, key) in keys.enumerated().dropFirst() {
                let found = cosine(query, key)
                if found > best.cosine { best = NearKey(fact: fact, wording: wording, cosine: found) }
            }
            near.append(best)
        }
        near.sort { ($1.cosine, $0.fact) < ($0.cosine, $1.fact) }
        return Array(near.prefix(count))
    }

    private func found(_ query: FactKey, in table: FactKeyTable, _ count: Int, _ nearest: inout NearestFacts) -> [NearKey] {
        nearest.find(query.sentence, scale: query.scale, in: table, count: count)
        return nearest.found
    }

    @Test("are those of a comparison with all, also with several keys a fact and after facts were removed", arguments: [7, 64, 100, 384])
    func exact(dimension: Int) {
        var vectors = SeededVectors(UInt64(dimension))
        var table = FactKeyTable(dimension: dimension)
        var told: [Told] = []
        var places: [Fact.ID: Int] = [:]
        for fact in Fact.ID(0)..<400 {
            let keys = (0..<Int(fact % 3 + 1)).map { _ in key(vectors.vector(dimension)) }
            told.append((fact, keys))
            places[fact] = table.insert(keys, of: fact)
        }
        // Equal vectors: the lesser id comes first.
        let twin = told[5].keys
        told.append((400, twin))
        table.insert(twin, of: 400)
        for fact in stride(from: Fact.ID(0), to: 400, by: 7) {
            table.remove(fact, chunk: places[fact] ?? 0)
            told.removeAll { $0.fact == fact }
        }
        var nearest = NearestFacts()
        for number in 0..<20 {
            let query = number == 0 ? twin[0] : key(vectors.vector(dimension))
            for count in [1, 8, 1000] {
                #expect(found(query, in: table, count, &nearest) == expected(query, told, count), "\(count) of query \(number)")
            }
        }
        #expect(found(twin[0], in: table, 2, &nearest).map(\.fact) == [5, 400])
    }

    @Test("are found by sketches among more keys than are compared, though many are near")
    func sketches() {
        let dimension = 128
        var vectors = SeededVectors(9)
        var table = FactKeyTable(dimension: dimension)
        var told: [Told] = []
        let centres = (0..<6).map { _ in vectors.vector(dimension) }
        for fact in Fact.ID(0)..<Fact.ID(NearestFacts.candidates + 2000) {
            let own = [key(vectors.near(centres[Int(fact % 6)], 60))]
            told.append((fact, own))
            table.insert(own, of: fact)
        }
        var nearest = NearestFacts()
        for number in 0..<6 {
            let query = key(vectors.near(centres[number], 60))
            #expect(found(query, in: table, 8, &nearest) == expected(query, told, 8), "query \(number)")
        }
        // More equal vectors than candidates: the first of them.
        var equal = FactKeyTable(dimension: dimension)
        for fact in Fact.ID(0)..<Fact.ID(NearestFacts.candidates + 300) { equal.insert([key(centres[0])], of: fact) }
        #expect(found(key(centres[0]), in: equal, 8, &nearest).map(\.fact) == Array(0..<8))
    }

    @Test("of no facts, or none asked for, are none")
    func empty() {
        var nearest = NearestFacts()
        let query = key([1, 2, 3])
        #expect(found(query, in: FactKeyTable(dimension: 3), 8, &nearest).isEmpty)
        var table = FactKeyTable(dimension: 3)
        table.insert([key([0, 0, 0])], of: 3)
        #expect(found(query, in: table, 0, &nearest).isEmpty)
        #expect(found(query, in: table, 8, &nearest) == [NearKey(fact: 3, wording: 0, cosine: 0)])
    }

    @Test("a sketch has a bit for each negative element, word by word")
    func bits() {
        var sketches: [UInt64] = []
        KeySketch.append([-1, 0, 1, -128] as [Int8], to: &sketches)
        KeySketch.append([Int8](repeating: -1, count: 65), to: &sketches)
        KeySketch.append([Int8](repeating: -1, count: 64), to: &sketches)
        #expect(sketches == [0b1001, .max, 1, .max])
        #expect([1, 64, 65, 384].map(KeySketch.words) == [1, 1, 2, 6])
    }
}
