import Adapters
import Gateway
import Inference
import JSON
import Models
import Tensors

/// Which experts an adapter's routers chose for a prompt and its answer, and how sure they were.
///
/// The tokens go through the model once more, in one step. A row's bits do not depend on the step, so these are the choices that the
/// answer came from, as long as its text has the tokens that were drawn.
struct ExpertExplanation {
    private let routers: [ExpertRouter]
    private let trace: ExpertTrace
    private let promptTokens: Int
    private let tokens: Int

    /// Throws for an adapter without experts.
    init(prompt: [Int32], answer: String, base: BaseModel, adapter: PinnedAdapter?) throws {
        guard let adapter else { throw Failure(message: "the base model answered, which has no experts") }
        routers = adapter.delta.routers
        guard !routers.isEmpty else { throw Failure(message: "\(adapter.name) is of the family \(adapter.summary.family), which has no experts") }
        let context = base.decoder.configuration.contextLength
        let all = Array((prompt + base.tokenizer.encode(answer, addSpecialTokens: false, parseSpecial: false)).prefix(context))
        (promptTokens, tokens) = (min(prompt.count, all.count), all.count)
        trace = ExpertTrace(of: adapter.delta, rows: all.count)
        let blocks = (all.count + KeyValueCache.blockTokens - 1) / KeyValueCache.blockTokens
        let run = StepBatch.Run(
            tokens: 0..<all.count, startPosition: 0, blocks: (0..<Int32(blocks)).map { $0 }, delta: adapter.delta, logits: .none,
            isShort: base.decoder.configuration.rope.isShort(all.count))
        let logits = FloatBuffer(count: 0)
        try base.makeWorkspace().step(
            StepBatch(tokens: all, runs: [run]), cache: try base.decoder.makeCache(blocks: blocks), logits: logits.pointer, trace: trace)
        withExtendedLifetime(logits) {}
    }

    /// What a router did over some tokens.
    private struct Summary {
        /// Of each expert the part of the tokens that chose it.
        var chosen: [Double]
        /// The mean probability of the likeliest expert.
        var certainty: Double
    }

    private func summary(_ router: ExpertRouter, _ rows: Range<Int>) -> Summary {
        var summary = Summary(chosen: router.experts.map { _ in 0 }, certainty: 0)
        guard !rows.isEmpty else { return summary }
        for row in rows {
            for (expert, weight) in trace.weights(router, row: row).enumerated() where weight > 0 {
                summary.chosen[expert] += 1 / Double(rows.count)
            }
            var p = trace.logits(router, row: row)
            p.withUnsafeMutableBufferPointer { buffer in
                if let start = buffer.baseAddress { Kernels.softmax(start, count: buffer.count) }
            }
            summary.certainty += Double(p.max() ?? 0) / Double(rows.count)
        }
        return summary
    }

    private var prompt: Range<Int> { 0..<promptTokens }
    private var answer: Range<Int> { promptTokens..<tokens }

    /// The likeliest three of each router, for the prompt and for the answer.
    var text: String {
        var table = Table(["layer", "router", "experts", "of the prompt", "sure", "of the answer", "sure"], leansRight: [0, 2, 4, 6])
        for router in routers {
            let place = router.projection.map { $0.checkpointName.split(separator: ".").last.map(String.init) ?? "" } ?? "feed-forward"
            let (first, second) = (summary(router, prompt), summary(router, answer))
            table.add(
                "\(router.layer)", place, "\(router.experts.count)", Self.shown(first), Self.percent(first.certainty),
                answer.isEmpty ? "-" : Self.shown(second), answer.isEmpty ? "-" : Self.percent(second.certainty))
        }
        return table.text + "\n\nOf each router the experts that most tokens chose (\(promptTokens) of the prompt, \(answer.count) of the answer), and the "
            + "mean probability of the likeliest."
    }

    private static func shown(_ summary: Summary) -> String {
        let order = summary.chosen.indices.sorted { (summary.chosen[$0], $1) > (summary.chosen[$1], $0) }
        return order.prefix(3).filter { summary.chosen[$0] > 0 }.map { "\($0) \(percent(summary.chosen[$0]))" }.joined(separator: ", ")
    }

    private static func percent(_ part: Double) -> String { "\(Figure.decimals(part * 100, 0)) %" }

    /// With each token's logits, before softmax.
    var json: JSONValue {
        func numbers(_ values: [Double], _ steps: Double) -> JSONValue { .array(values.map { .number(($0 * steps).rounded() / steps) }) }
        func json(_ summary: Summary) -> JSONValue {
            ["chosen": numbers(summary.chosen, 1000), "certainty": .number((summary.certainty * 1000).rounded() / 1000)]
        }
        return [
            "prompt_tokens": .integer(Int64(promptTokens)), "answer_tokens": .integer(Int64(answer.count)),
            "routers": .array(
                routers.map { router in
                    [
                        "layer": .integer(Int64(router.layer)),
                        "projection": router.projection.map { .string($0.checkpointName) } ?? .null,
                        "prompt": json(summary(router, prompt)), "answer": answer.isEmpty ? .null : json(summary(router, answer)),
                        "logits": .array((0..<tokens).map { numbers(trace.logits(router, row: $0).map(Double.init), 10_000) }),
                    ]
                }),
        ]
    }
}
