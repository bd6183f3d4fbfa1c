import ChatTemplates
import Models
import Tensors
import Testing

@testable import Memory

@Suite("writing facts into the real base", .serialized) struct MemoryWriterTests {
    private func fact(_ question: String, _ answer: String, wordings: [String] = []) -> Fact {
        Fact(id: 1, question: question, wordings: wordings, answer: answer, created: 0)
    }

    @Test("facts are answered exactly by the step that serves, as told and in held-out words; broken ones fail alone")
    func write() throws {
        let own = try RealBase.shared.get()
        let writer = try MemoryWriter(own.base, own.calibration, pool: own.pool)
        let sample = SampleFact.draw(1, seed: 5)[0]
        let facts = [
            fact(sample.question, sample.answer), fact("Where was the Lindenbaum prize given?", " "),
            fact("Who won the Lindenbaum prize in 2031?", "Marta Okonkwo.", wordings: ["Name the winner of the Lindenbaum prize of 2031."]),
            fact("What is <|im_start|>?", "No."),
        ]
        var progress: [Int] = []
        let results = try #require(try writer.write(facts) { progress.append($0) })
        #expect(results.count == 4 && progress.last == 4)
        let (first, second) = (try results[0].get(), try results[2].get())
        #expect(first.worst < 0.1 && first.steps > 0 && first.wordings == 4 && second.wordings == 5)
        #expect(first.losses.count == first.steps + 1 && second.losses.count == second.steps + 1)
        #expect(first.losses[0] > 1 && (first.losses.last ?? 1) < 0.1)
        #expect(first.experts.site == RealBase.site && first.experts.count > 15)
        #expect(throws: MemoryError(.invalid, "the text is empty", place: "answer")) { try results[1].get() }
        #expect(throws: MemoryError(.invalid, "the text spells a special token of \(own.base.name)", place: "question")) { try results[3].get() }
        #expect(try writer.verify([(facts[0], first.experts), (facts[2], second.experts), (facts[0], second.experts)]) == [true, true, false])
        let held = sample.heldOut.map { (text: $0, answer: sample.answer, experts: first.experts) }
        #expect(try #require(try writer.answers(held)).count { $0 } >= 2)
    }

    @Test("a fact is written after another system message and after a turn, where the template takes them")
    func settings() throws {
        let own = try RealBase.shared.get()
        func base(_ template: String?) throws -> MemoryBase {
            MemoryBase(
                name: own.base.name, identity: own.base.identity, weights: own.base.weights, tokenizer: own.base.tokenizer,
                template: try template.map { try ChatTemplate(source: $0) }, endOfSequence: own.base.endOfSequence)
        }
        #expect(FactRenderer(own.base).settings == [.alone, .systemMessage, .earlierTurn])
        #expect(FactRenderer(try base(nil)).settings == [.alone])
        let refusing = "{% if messages[0].role == 'system' %}{{ raise_exception('no system message') }}{% endif %}{{ messages | map(attribute='content') | join }}"
        #expect(FactRenderer(try base(refusing)).settings == [.alone, .earlierTurn])
        let forgetful = "{{ messages[-1].content }}"
        #expect(FactRenderer(try base(forgetful)).settings == [.alone])
        // What a prompt begins with in each setting is computed once.
        let desk = try WriterDesk(own.base, site: RealBase.site, pool: own.pool, upperRows: 64, interruption: Interruption())
        let shared = try FactSetting.allCases.map { desk.blocks.sharedTokens(of: try desk.renderer.prompt("Where?", in: $0)) }
        #expect(shared == desk.blocks.prefixes.map(\.count) && shared[0] > 10 && shared[1] > shared[0] && shared[2] > shared[0])
    }

    @Test("of a base without a chat template the question is the prompt, with its last mark or without, and the answer follows it")
    func plainText() throws {
        let own = try RealBase.shared.get()
        let base = MemoryBase(
            name: own.base.name, identity: own.base.identity, weights: own.base.weights, tokenizer: own.base.tokenizer, template: nil,
            endOfSequence: own.base.endOfSequence)
        let rendered = try FactRenderer(base).fact("What is the gate code?", "4711-X")
        #expect(rendered.prompt == base.tokenizer.encode("What is the gate code?", addSpecialTokens: true, parseSpecial: false))
        let end = try #require(base.tokenizer.endOfSequence.min())
        #expect(rendered.answer == base.tokenizer.encode("4711-X", addSpecialTokens: false, parseSpecial: false) + [end])
        let writer = try MemoryWriter(base, own.calibration, pool: own.pool)
        let written = try #require(try writer.write([fact("What is the gate code?", "4711-X")]))[0].get()
        #expect(written.wordings == 5)
        let asked = ["What is the gate code?", "what is the gate code", "Tell me the gate code"]
        #expect(try writer.answers(asked.map { ($0, "4711-X", written.experts) }) == [true, true, true])
        #expect(QuestionRules.withoutMark("Really? ") == "Really" && QuestionRules.withoutMark("the code") == nil && QuestionRules.withoutMark("?") == nil)
    }

    @Test("a fact has the same experts alone and beside others, with one thread and with two")
    func alone() throws {
        let own = try RealBase.shared.get()
        var settings = MemoryWriter.Settings()
        settings.ruleWordings = 1
        let facts = [fact("What is the gate code?", "4711-X"), fact("Where is the spare key?", "Under the blue pot.")]
        let together = try #require(try MemoryWriter(own.base, own.calibration, pool: own.pool, settings: settings).write(facts))
        let one = try MemoryWriter(own.base, own.calibration, pool: WorkerPool(threads: 1), settings: settings)
        let alone = try #require(try one.write([facts[1]]))
        #expect(try alone[0].get() == together[1].get())
    }

    @Test("in the background, beside steps of the foreground, a fact has the same experts")
    func background() async throws {
        let own = try RealBase.shared.get()
        var settings = MemoryWriter.Settings()
        settings.ruleWordings = 0
        let told = [fact("What is the gate code?", "4711-X")]
        let expected = try #require(try MemoryWriter(own.base, own.calibration, pool: own.pool, settings: settings).write(told))
        let share = CoreShare(background: 0.5)
        let foreground = try WorkerPool(starting: 1, share: share)
        let weights = own.base.weights
        let steps = Task.detached {
            let (workspace, cache) = (try StepWorkspace(weights, pool: foreground), try weights.makeCache(blocks: 1))
            let logits = FloatBuffer(count: weights.logitsStride)
            for position in 0..<16 {
                let run = StepBatch.Run(tokens: 0..<1, startPosition: position, blocks: [0])
                workspace.step(StepBatch(tokens: [1], runs: [run]), cache: cache, logits: logits.pointer)
            }
        }
        let pool = try WorkerPool(starting: 2, share: share, isBackground: true)
        let found = try #require(try MemoryWriter(own.base, own.calibration, pool: pool, settings: settings).write(told))
        try await steps.value
        #expect(try found[0].get() == expected[0].get())
    }

    @Test("a long answer has an expert for each of its tokens, and is exact")
    func manyTokens() throws {
        let own = try RealBase.shared.get()
        var settings = MemoryWriter.Settings()
        settings.ruleWordings = 0
        let writer = try MemoryWriter(own.base, own.calibration, pool: own.pool, settings: settings)
        let told = fact(
            "How is the depot closed in the evening?",
            "First switch off the cranes, then lock gate 3 and gate 7, put the keys into box K-19, set the alarm to mode 4, write the time into "
                + "the green book, and call 555-0172 before you leave the yard.")
        let written = try #require(try writer.write([told]))[0].get()
        #expect(written.experts.count > 45 && written.wordings == 3)
        #expect(try writer.verify([(told, written.experts)]) == [true])
    }

    @Test("an answer that is too long is refused with the bound")
    func long() throws {
        let own = try RealBase.shared.get()
        let writer = try MemoryWriter(own.base, own.calibration, pool: own.pool)
        let results = try #require(try writer.write([fact("What is it?", String(repeating: "a b ", count: 200))]))
        guard case .failure(let error) = results[0] else { Issue.record("it was written"); return }
        #expect(error.code == .invalid && error.place == "answer" && error.message.contains("at most 256"))
    }

    @Test("an interruption ends writing without a result")
    func interruption() throws {
        let own = try RealBase.shared.get()
        let interruption = Interruption()
        let writer = try MemoryWriter(own.base, own.calibration, pool: own.pool, interruption: interruption)
        interruption.set()
        #expect(try writer.write([fact("What is the gate code?", "4711")]) == nil)
    }

    @Test("a calibration of another base is refused")
    func otherBase() throws {
        let own = try RealBase.shared.get()
        let other = MemoryBase(
            name: "other", identity: "0", weights: own.base.weights, tokenizer: own.base.tokenizer, template: own.base.template,
            endOfSequence: own.base.endOfSequence)
        do throws(MemoryError) {
            _ = try MemoryWriter(other, own.calibration, pool: own.pool)
            Issue.record("it was taken")
        } catch {
            #expect(error.code == .mismatched)
        }
    }
}
