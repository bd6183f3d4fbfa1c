import Testing

@testable import Inference

@Suite("Fair queue")
struct FairQueueTests {
    @Test("a flood for one adapter does not hold up a request for another")
    func flood() {
        var queue = FairQueue<String>()
        for index in 0..<100 { queue.push("a\(index)", flow: "a") }
        var order: [String] = []
        func serve(_ count: Int) {
            for _ in 0..<count {
                guard let next = queue.pop() else { return }
                queue.serve(next.ticket)
                order.append(next.element)
            }
        }
        serve(10)
        queue.push("b0", flow: "b")
        queue.push("b1", flow: "b")
        queue.push("base", flow: nil)
        serve(5)
        #expect(Set(order[10..<14]).isSuperset(of: ["b0", "base"]), "\(order[10...])")
        #expect(order[10..<15].contains("b1"), "\(order[10...])")
        serve(100)
        #expect(order.count == 103)
        #expect(order.filter { $0.hasPrefix("a") } == (0..<100).map { "a\($0)" }, "the order of one adapter's requests stays")
    }

    @Test("prepared requests count as not served: who comes later goes between them")
    func ahead() {
        var queue = FairQueue<String>()
        for index in 0..<6 { queue.push("a\(index)", flow: "a") }
        let prepared = (0..<4).compactMap { _ in queue.pop() }
        queue.serve(prepared[0].ticket)
        queue.push("b", flow: "b")
        let late = queue.pop()
        #expect(late?.element == "b")
        #expect(late.map { $0.ticket < prepared[1].ticket } == true)
    }

    @Test("requests that are removed leave the others in their order")
    func removal() {
        var queue = FairQueue<Int>()
        for index in 0..<10 { queue.push(index, flow: index < 5 ? "a" : "b") }
        #expect(queue.removeAll { $0 % 2 == 0 } == [0, 2, 4, 6, 8])
        #expect(queue.count == 5)
        var left: [Int] = []
        while let next = queue.pop() { left.append(next.element) }
        #expect(left.filter { $0 < 5 } == [1, 3])
        #expect(left.filter { $0 >= 5 } == [5, 7, 9])
    }
}
