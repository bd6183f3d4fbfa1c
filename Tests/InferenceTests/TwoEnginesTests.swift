import Generation
import Models
import Testing

@testable import Inference

@Suite("engines on one base", .serialized)
struct TwoEnginesTests {
    @Test("two engines that run at once give the answers that each gives alone")
    func atOnce() async throws {
        let fixture = try RealEngine.shared.get()
        let prompts = ["Write a haiku about rivers.", "List three prime numbers."]
        var alone: [String] = []
        for (prompt, adapter) in zip(prompts, ["math", "sql"]) {
            let engine = try fixture.engine { $0.keyValueBytes = 64 << 20 }
            alone.append(await engine.answer(RealEngine.request(prompt, adapter: adapter)).text)
            engine.stop()
        }
        #expect(alone.allSatisfy { !$0.isEmpty })
        let engines = try prompts.map { _ in try fixture.engine { $0.keyValueBytes = 64 << 20 } }
        async let first = engines[0].answer(RealEngine.request(prompts[0], adapter: "math"))
        async let second = engines[1].answer(RealEngine.request(prompts[1], adapter: "sql"))
        let together = await [first.text, second.text]
        #expect(together == alone)
        engines.forEach { $0.stop() }
    }
}
