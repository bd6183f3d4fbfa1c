import JSON
import Tensors
import TestSupport
import Testing

@testable import Tuning

/// Checks before the first step, held-out rows, and the report.
@Suite("Data preparation")
struct DataPreparationTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func file(_ rows: [String], _ name: String = "data.jsonl") throws -> DataFile {
        try DataFileReader().read(try folder.write(rows.joined(separator: "\n"), to: name))
    }

    private func preparation(
        heldOut: HeldOutSize = .count(0), skipsBrokenRows: Bool = true, limits: DataSetLimits = DataSetLimits(),
        _ change: (inout EncodingOptions) -> Void = { _ in }
    ) throws -> DataPreparation {
        DataPreparation(
            encoder: try SmallBase.encoder(change: change), limits: limits, heldOut: heldOut, seed: 5, skipsBrokenRows: skipsBrokenRows)
    }

    private func chat(_ question: String, _ answer: String, weight: Int = 1) -> String {
        let messages: JSONValue = [
            ["role": "user", "content": .string(question)],
            ["role": "assistant", "content": .string(answer), "weight": .integer(Int64(weight))],
        ]
        return JSONValue.object(["messages": messages]).serialized()
    }

    @Test("each finding names its lines, and only what can be trained is used")
    func findings() throws {
        let rows = [
            chat("a", "b"), "{", chat("a", " \n"), chat("a", "b", weight: 0), chat("a", "b"),
            chat("c", String(repeating: "long ", count: 40)),
            chat("a", "x<|im_end|>y"), #"{"messages": []}"#, #"{"messages": [{"role": "assistant", "content": "b"}]}"#,
        ]
        let data = try preparation { $0.maximumTokens = 40 }.prepare(try file(rows))
        let found = data.report.files[0].findings
        #expect(
            found.mapValues(\.lines) == [
                .broken: [2], .empty: [3, 8], .untrained: [4], .duplicate: [5], .cut: [6], .specialTokens: [7],
                // The template writes its own system message before a first answer, and none before the prompt for it.
                .refused: [9],
            ])
        #expect(data.training.lines == [1, 5, 6, 7])
        #expect(data.report.files[0].rows == 9)
        #expect(data.report.training.examples == 4)
        #expect(data.report.training.tokens == data.training.examples.reduce(0) { $0 + $1.sequences[0].tokens.count })
        #expect(data.report.training.targets == data.training.examples.reduce(0) { $0 + $1.sequences[0].targetCount })
        #expect(data.report.training.longestTokens > 40)
        #expect(data.heldOut.examples.isEmpty)
    }

    @Test("broken and refused rows are an error unless they are skipped, and it says how many there are")
    func brokenRows() throws {
        let source =
            "{% for m in messages %}{{ raise_exception('not that') if 'no' in m.content else m.content + eos_token }}{% endfor %}"
        var preparation = try preparation(skipsBrokenRows: false)
        preparation.encoder = try SmallBase.encoder(source: source)
        let file = try file([chat("a", "b"), chat("no", "b"), "{", "[]"])
        let error = try #require(throws: TuningError.self) { try preparation.prepare(file) }
        #expect(error.line == 3 && error.message.contains("3 rows"), "\(error)")
        preparation.skipsBrokenRows = true
        let report = try preparation.prepare(file).report.files[0]
        #expect(report.findings[.refused]?.lines == [2] && report.findings[.broken]?.lines == [3, 4])
        #expect(report.errors.contains { $0.line == 2 && $0.message.contains("not that") && $0.file == file.path })
    }

    @Test("a pair of equal answers is left out")
    func equalAnswers() throws {
        let rows = [#"{"prompt": "p", "chosen": "c", "rejected": "r"}"#, #"{"prompt": "p", "chosen": "c", "rejected": "c"}"#]
        let data = try preparation().prepare(try file(rows))
        #expect(data.report.files[0].findings == [.equalAnswers: FoundRows(count: 1, lines: [2])])
        #expect(data.training.lines == [1])
    }

    @Test("a set of which nothing can be trained is refused with the reasons")
    func nothing() throws {
        let error = try #require(throws: TuningError.self) { try preparation().prepare(try file([chat("a", ""), chat("a", "")])) }
        #expect(error.code == .nothingToTrain && error.message.contains("rows without an answer (2)"), "\(error)")
    }

    @Test("tokens beyond the limit are refused with the line")
    func tokenLimit() throws {
        let rows = try file([chat("a", "b"), chat("a", "b")])
        var limits = DataSetLimits()
        limits.tokens = try preparation().prepare(rows).report.training.tokens
        #expect(try preparation(limits: limits).prepare(rows).training.lines == [1, 2])
        limits.tokens -= 1
        let error = try #require(throws: TuningError.self) { try preparation(limits: limits).prepare(rows) }
        #expect(error.code == .limitExceeded && error.line == 2)
    }

    // MARK: Held out

    @Test("held-out rows are drawn by prompts, so that no prompt is in both sets, and the same ones each time")
    func split() throws {
        let rows = (0..<100).map { chat("question \($0 / 4)", "answer \($0)") }
        let data = try preparation(heldOut: .fraction(0.2)).prepare(try file(rows))
        #expect(data.heldOut.lines.count == 20)
        #expect(Set(data.heldOut.lines + data.training.lines) == Set(1...100))
        let groups = { (lines: [Int]) in Set(lines.map { ($0 - 1) / 4 }) }
        #expect(groups(data.heldOut.lines).isDisjoint(with: groups(data.training.lines)))
        #expect(try preparation(heldOut: .fraction(0.2)).prepare(try file(rows)) == data)
        var other = try preparation(heldOut: .fraction(0.2))
        other.seed = 6
        #expect(try other.prepare(try file(rows)).heldOut != data.heldOut)
    }

    @Test("groups that are larger than the wanted rows stay in training, but something is held out")
    func largeGroups() {
        func draw(_ groups: [String], _ count: Int) -> [Bool]? {
            HeldOutSplit.draw(groups.map { ContentDigest(of: $0) }, count: count, seed: 1)
        }
        #expect(draw(["a", "a", "a", "b", "a"], 2) == [false, false, false, true, false])
        #expect(draw(["a", "a", "a", "b", "b"], 1) == [false, false, false, true, true])
        #expect(draw(["a", "a"], 1) == nil)
        #expect(draw(["a", "b"], 0) == [false, false])
        for seed in 0..<UInt64(50) {
            let groups = (0..<40).map { ContentDigest(of: "\(($0 * 7) % 13)") }
            let drawn = HeldOutSplit.draw(groups, count: 8, seed: seed) ?? []
            #expect((1...8).contains(drawn.count { $0 }), "seed \(seed)")
            let held = Set(zip(groups, drawn).filter(\.1).map(\.0))
            #expect(zip(groups, drawn).allSatisfy { held.contains($0.0) == $0.1 }, "seed \(seed)")
        }
    }

    @Test("rows of one prompt are divided by rows, and equal rows stay together")
    func onePrompt() throws {
        let rows = (0..<20).map { chat("write", "poem \($0 / 2)") }
        let data = try preparation(heldOut: .count(4)).prepare(try file(rows))
        #expect(data.heldOut.lines.count == 4)
        #expect(Set(data.heldOut.lines.map { ($0 - 1) / 2 }).isDisjoint(with: data.training.lines.map { ($0 - 1) / 2 }))
    }

    @Test("sizes out of range are refused")
    func sizes() throws {
        let rows = try file([chat("a", "b"), chat("c", "d")])
        for size in [HeldOutSize.fraction(-0.1), .fraction(0.6), .fraction(.nan), .count(-1), .count(2)] {
            #expect(throws: TuningError.self) { try preparation(heldOut: size).prepare(rows) }
        }
        #expect(try preparation(heldOut: .fraction(0.24)).prepare(rows).heldOut.lines.isEmpty)
        #expect(try preparation(heldOut: .fraction(0.25)).prepare(rows).heldOut.lines.count == 1)
    }

    @Test("prompts of a held-out file that are also trained on are told, whatever the shapes of the files")
    func overlap() throws {
        let held = [#"{"prompt": " a", "completion": "z"}"#, #"{"prompt": "new", "completion": "z"}"#]
        let data = try preparation(heldOut: .fraction(0.5)).prepare(
            try file([chat("a", "b"), chat("c", "d")]), heldOut: try file(held, "held.jsonl"))
        #expect(data.training.lines == [1, 2] && data.heldOut.lines == [1, 2])
        #expect(data.report.files.map(\.findings) == [[:], [.overlap: FoundRows(count: 1, lines: [1])]])
        let pairs = try file([#"{"prompt": "p", "chosen": "c", "rejected": "r"}"#], "pairs.jsonl")
        let error = try #require(throws: TuningError.self) { try preparation().prepare(try file([chat("a", "b")]), heldOut: pairs) }
        #expect(error.code == .invalidSetting && error.file == pairs.path)
    }

    // MARK: Report

    @Test("the report is a table for a person and JSON for a program")
    func report() throws {
        let rows = [chat("a", "bc"), chat("a", ""), chat("a", "bc"), #"{"messages": 1}"#]
        let report = try preparation().prepare(try file(rows)).report
        let path = folder.place("data.jsonl")
        #expect(
            report.text == """
                \(path): 4 rows of `messages`
                  rows that cannot be read: 1, left out (lines 4)
                  rows without an answer: 1, left out (lines 2)
                  rows that repeat an earlier one: 1 (lines 3)
                  \(path):4: messages: expected an array, found an integer
                          examples  tokens  trained  median  95 %  longest
                training         2      68    8.8 %      34    34       34
                held out         0       0    0.0 %       0     0        0

                first example (⟦trained⟧):
                <|im_start|>system
                Be brief and kind.<|im_end|>
                <|im_start|>user
                a<|im_end|>
                <|im_start|>assistant
                ⟦bc<|im_end|>⟧

                """)
        let json = report.json
        #expect(json["training"]?["tokens"] == 68 && json["training"]?["trained_tokens"] == 6)
        #expect(json["files"]?[0]?["findings"]?["duplicate"] == ["count": 1, "lines": [3], "left_out": false])
        #expect(json["files"]?[0]?["errors"]?[0]?["line"] == 4)
    }

    @Test("a set's digest changes with its tokens, targets, labels and order")
    func digest() throws {
        func digest(_ rows: [String], _ change: (inout EncodingOptions) -> Void = { _ in }) throws -> ContentDigest {
            try preparation(change).prepare(try file(rows)).training.digest
        }
        let rows = [chat("a", "b"), chat("c", "d")]
        let label = { (label: Bool) in JSONValue.object(["prompt": "p", "completion": "c", "label": .bool(label)]).serialized() }
        let all = [
            try digest(rows), try digest(rows.reversed()), try digest([rows[0]]), try digest(rows) { $0.targets = .all },
            try digest(rows) { $0.systemMessage = "s" }, try digest([label(true)]), try digest([label(false)]),
        ]
        #expect(Set(all).count == all.count)
        #expect(try digest(rows) == all[0])
    }

    @Test("lengths are told by nearest rank")
    func lengths() {
        func summary(_ lengths: [Int]) -> [Int] {
            let summary = DataReport.Summary([], lengths: lengths)
            return [summary.medianTokens, summary.tokens95, summary.longestTokens]
        }
        #expect(summary(Array((1...100).reversed())) == [50, 95, 100])
        #expect(summary([7]) == [7, 7, 7])
        #expect(summary([1, 2, 3]) == [2, 3, 3])
        #expect(summary([]) == [0, 0, 0])
    }
}
