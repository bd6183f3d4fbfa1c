import Testing

@testable import Tuning

@Suite("Example order")
struct ExampleOrderTests {
    @Test("each epoch visits every example once, in an order of its own that depends on the seed")
    func epochs() {
        for count in [1, 2, 3, 17, 1000] {
            let order = ExampleOrder(count: count, seed: 7)
            for epoch in 0..<4 { #expect(order.examples(ofEpoch: epoch).sorted() == Array(0..<count)) }
        }
        let order = ExampleOrder(count: 1000, seed: 7)
        #expect(order.examples(ofEpoch: 0) != order.examples(ofEpoch: 1))
        #expect(order.examples(ofEpoch: 0) != ExampleOrder(count: 1000, seed: 8).examples(ofEpoch: 0))
    }

    @Test("the order is the same in every version: a stored cursor means the same examples")
    func stable() {
        #expect(ExampleOrder(count: 10, seed: 1).examples(ofEpoch: 0) == [1, 9, 0, 7, 4, 2, 5, 3, 8, 6])
        #expect(ExampleOrder(count: 10, seed: 1).examples(ofEpoch: 1) == [9, 4, 0, 1, 6, 2, 8, 7, 5, 3])
    }

    @Test("all orders of three are drawn about equally often")
    func uniform() {
        var counts: [[Int]: Int] = [:]
        for seed in 0..<UInt64(6000) { counts[ExampleOrder(count: 3, seed: seed).examples(ofEpoch: 0), default: 0] += 1 }
        #expect(counts.count == 6)
        // Five standard deviations of a binomial of 6,000 and 1/6.
        #expect(counts.values.allSatisfy { abs($0 - 1000) < 145 }, "\(counts)")
    }

    @Test("a reader that starts at a stored cursor goes on as one that did not stop")
    func resumed() throws {
        let order = ExampleOrder(count: 7, seed: 3)
        var whole = try ExampleReader(order)
        var cursors = [whole.cursor]
        var examples: [Int] = []
        for _ in 0..<30 {
            examples.append(whole.next())
            cursors.append(whole.cursor)
        }
        #expect(examples == (0..<30).map { order.examples(ofEpoch: $0 / 7)[$0 % 7] })
        for start in 0..<30 {
            var resumed = try ExampleReader(order, from: cursors[start])
            #expect((start..<30).map { _ in resumed.next() } == Array(examples[start...]), "from \(start)")
        }
        #expect(cursors[7] == DataCursor(epoch: 1, position: 0))
    }

    @Test("a cursor of other data and an empty set are refused")
    func refused() {
        #expect(throws: TuningError.self) { try ExampleReader(ExampleOrder(count: 0, seed: 0)) }
        for cursor in [DataCursor(epoch: 0, position: 5), DataCursor(epoch: -1, position: 0), DataCursor(epoch: 0, position: -1)] {
            #expect(throws: TuningError.self) { try ExampleReader(ExampleOrder(count: 5, seed: 0), from: cursor) }
        }
    }
}
