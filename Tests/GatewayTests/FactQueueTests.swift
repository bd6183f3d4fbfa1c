import Generation
import OpenAIAPI
import Testing

@testable import Gateway

@Suite struct FactQueueTests {
    private static func order(_ name: String, _ count: Int = 1, _ conflict: ToldFact.Conflict = .refuse, memory: String = "facts") -> FactQueue.Order {
        FactQueue.Order(
            memory: memory, facts: (0..<count).map { ToldFact(question: "\(name) \($0)", answer: "a") }, onConflict: conflict, answer: { _ in })
    }

    private static let told = FactQueue.Told.failure(APIError(.factConflict, ""))

    /// Writes a batch: the questions that were in it.
    private func write(_ queue: inout FactQueue, _ most: Int) -> [String] {
        let taken = queue.take(most)
        for (var order, count) in taken {
            order.told += (0..<count).map { _ in Self.told }
            if !order.rest.isEmpty { queue.putBack(order) }
        }
        return taken.flatMap { order, count in order.rest.prefix(count).map(\.question) }
    }

    @Test func aLongListDoesNotHoldUpTheFactsOfOthers() {
        var queue = FactQueue(capacity: 100)
        let added = [Self.order("list", 5), Self.order("a"), Self.order("b")].map { queue.add($0) }
        #expect(added == [true, true, true])
        let batches = [write(&queue, 3), write(&queue, 3), write(&queue, 3), write(&queue, 3)]
        #expect(batches == [["list 0", "list 1", "list 2"], ["a 0", "b 0", "list 3"], ["list 4"], []])
        #expect(queue.isEmpty && queue.count == 0)
    }

    @Test func factsOfOneKindAreWrittenTogether() {
        var queue = FactQueue(capacity: 100)
        for order in [Self.order("a"), Self.order("b", memory: "geo"), Self.order("c", 1, .replace), Self.order("d")] { _ = queue.add(order) }
        let batches = [write(&queue, 9), write(&queue, 9), write(&queue, 9)]
        #expect(batches == [["a 0", "d 0"], ["b 0"], ["c 0"]])
    }

    @Test func asManyWaitAsTheBoundSays() {
        var queue = FactQueue(capacity: 4)
        let added = [Self.order("a", 3), Self.order("b", 2), Self.order("c"), Self.order("d")].map { queue.add($0) }
        #expect(added == [true, false, true, false] && queue.count == 4)
        _ = queue.take(2)
        #expect(queue.count == 1)
        let later = queue.add(Self.order("e", 3))
        let removed = queue.removeAll()
        #expect(later && removed.count == 2 && queue.count == 0)
    }

    @Test func batchesAreAsLargeAsAClientCanWaitFor() {
        var pace = BatchPace()
        for _ in 0..<20 { pace.note(facts: 8, seconds: 0.8) }
        #expect((9...10).contains(pace.most))
        for _ in 0..<20 { pace.note(facts: 1, seconds: 60) }
        #expect(pace.most == 1)
        for _ in 0..<40 { pace.note(facts: 1, seconds: 0) }
        #expect(pace.most == 64)
        pace.note(facts: 0, seconds: 5)
        #expect(pace.most == 64)
    }
}
