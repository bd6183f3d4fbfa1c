import Testing

@testable import Inference

@Suite("Thread shares")
struct ThreadSharesTests {
    @Test("one flow gets only its part of the threads, so that another one always finds some")
    func parts() {
        var shares = ThreadShares(threads: 4, perFlow: 2)
        for _ in 0..<2 {
            #expect(shares.hasRoom(for: "slow"))
            shares.take("slow")
        }
        #expect(!shares.hasRoom(for: "slow"))
        #expect(shares.hasRoom(for: "other") && shares.hasRoom(for: nil))
        shares.take(nil)
        shares.take(nil)
        #expect(!shares.hasRoom(for: "other"), "all threads are in use")
        shares.giveBack("slow")
        #expect(shares.hasRoom(for: "slow") && shares.hasRoom(for: "other"))
    }

    @Test("requests of a flow that may not go on are passed over, and keep their place")
    func passedOver() {
        var queue = FairQueue<String>()
        for index in 0..<3 { queue.push("slow \(index)", flow: "slow") }
        queue.push("other", flow: "other")
        #expect(queue.flows == ["slow", "other"])
        let first = queue.pop(where: { $0 != "slow" })
        let none = queue.pop(where: { $0 != "slow" })
        #expect(first?.element == "other" && none == nil)
        var rest: [String] = []
        while let next = queue.pop() { rest.append(next.element) }
        #expect(rest == ["slow 0", "slow 1", "slow 2"])
    }
}
