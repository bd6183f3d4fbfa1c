import Adapters
import ArgumentParser
import Foundation
import Gateway
import Inference
import JSON
import Models

/// `lmoe perplexity`: how well the base, or an adapter, predicts a text, and how near the fast path is to f32.
struct Perplexity: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure how well the model predicts a text.",
        discussion: """
            EXAMPLES
              lmoe perplexity book.txt
              lmoe perplexity --adapter sql --precision compare --json queries.txt

            The text is cut into windows that know nothing of each other; in each all tokens but the first are predicted. \
            `compare` runs the fast path and the f32 reference over the same tokens and says how far they are apart; the \
            reference takes about a minute for 10,000 tokens of a small model. Special tokens that are written in the text \
            are recognised.
            """)

    enum Path: String, ExpressibleByArgument, CaseIterable { case fast, reference, compare }

    /// Of a file: more than anyone measures.
    private static let bytes = 64 << 20

    @OptionGroup var model: ModelOptions
    @OptionGroup var folders: FolderOptions
    @Option(name: .customLong("adapter"), help: "The adapter's name; without it the base answers.") var givenAdapter: String?
    var adapter: String? { givenAdapter ?? Variables.text("adapter") }
    @Option(help: "`fast`, `reference` (f32), or `compare` for both.") var precision = Path.fast
    @Option(help: "Tokens of a window.") var window = Variables.integer("window") ?? 512
    @Option(help: "Stop after so many tokens of the text; 0 takes all.") var tokens = Variables.integer("tokens") ?? 0
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")
    @Argument(help: "A UTF-8 text file; without it standard input is read whole.") var file: String?

    func validate() throws {
        guard (2...1 << 20).contains(window) else { throw ValidationError("--window goes from 2 to 1048576.") }
        guard tokens >= 0 else { throw ValidationError("--tokens is 0 or more.") }
    }

    func run() throws {
        var flags = folders.flags
        flags[.precision] = precision == .reference ? "reference" : "fast"
        let workspace = try Workspace(model, flags: flags)
        let text = try text()
        let base = try workspace.base()
        let configuration = base.decoder.configuration
        guard window <= configuration.contextLength else {
            throw Failure.usage("--window is \(window); the model's context holds \(configuration.contextLength)")
        }
        let windows = windows(text, base)
        guard !windows.isEmpty else { throw Failure.usage("the text has fewer than two tokens") }
        let choice = try AdapterChoice(adapter ?? "base")
        let library = try workspace.library(base: base.weights, isRouted: false)
        try choice.check(in: library)
        let pinned = try choice.name.map { name in try library.store.acquire(name) }
        let reference = precision == .compare ? try reference(workspace, pinned) : nil
        let score = TextScore(
            windows, try TextScorer(base, delta: pinned?.delta, window: window), reference: reference,
            vocabulary: configuration.vocabulary
        ) { Terminal.progress("window \($0 + 1) of \(windows.count)") }
        print(json ? document(score, base, pinned, windows.count).serialized(pretty: true) : lines(score))
    }

    /// The same files on the f32 path.
    private func reference(_ workspace: Workspace, _ adapter: PinnedAdapter?) throws -> TextScorer {
        Terminal.progress("opening the reference")
        var configuration = workspace.configuration
        configuration.precision = .reference
        let base = try configuration.openBase(workspace.pool)
        let delta = try adapter.map { adapter -> AdapterDelta in
            let store = configuration.openStore(for: base.weights)
            _ = store.rescan()
            return try store.acquire(adapter.name).delta
        }
        return try TextScorer(base, delta: delta, window: window)
    }

    private func text() throws -> String {
        guard let file else { return try Terminal.allInput() }
        return try Workspace.text(file, limitBytes: Self.bytes)
    }

    /// Each window begins with what the model expects at the start of a text.
    private func windows(_ text: String, _ base: BaseModel) -> [[Int32]] {
        let tokenizer = base.tokenizer
        let start = tokenizer.encode("", addSpecialTokens: true, parseSpecial: false).filter { $0 == tokenizer.beginOfSequence }
        var ids = tokenizer.encode(text, addSpecialTokens: false, parseSpecial: true)
        if tokens > 0 { ids = Array(ids.prefix(tokens)) }
        let size = max(window - start.count, 1)
        return stride(from: 0, to: ids.count, by: size).map { start + ids[$0..<min($0 + size, ids.count)] }.filter { $0.count > 1 }
    }

    private func lines(_ score: TextScore) -> String {
        var lines = ["perplexity \(Figure.decimals(score.perplexity, 4)) over \(score.predicted) tokens"]
        if let comparison = score.comparison {
            lines += [
                "reference  \(Figure.decimals(comparison.perplexity, 4)); the fast path is "
                    + "\(Figure.decimals((comparison.ratio - 1) * 100, 3)) % from it",
                "mean KL \(Figure.decimals(comparison.divergence, 5)), the same best token at "
                    + "\(Figure.decimals(comparison.agreement * 100, 2)) % of the positions",
            ]
        }
        return lines.joined(separator: "\n")
    }

    private func document(_ score: TextScore, _ base: BaseModel, _ adapter: PinnedAdapter?, _ windows: Int) -> JSONValue {
        [
            "model": .string(base.name), "adapter": adapter.map { .string($0.name) } ?? .null,
            "precision": .string(precision.rawValue), "kv_cache": .string(base.decoder.keyValueFormat.rawValue),
            "window": .integer(Int64(window)), "windows": .integer(Int64(windows)),
            "predicted_tokens": .integer(Int64(score.predicted)), "perplexity": .number(score.perplexity),
            "reference": score.comparison.map { comparison in
                [
                    "perplexity": .number(comparison.perplexity), "ratio": .number(comparison.ratio),
                    "mean_kl": .number(comparison.divergence), "same_best_token": .number(comparison.agreement),
                ]
            } ?? .null,
        ]
    }
}
