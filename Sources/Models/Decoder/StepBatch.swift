/// The input of one step: rows (tokens) in runs. A run is consecutive positions of one sequence under one adapter.
public struct StepBatch: Sendable {
    /// Consecutive tokens of one sequence under one adapter.
    public struct Run: Sendable {
        /// The rows whose logits are computed.
        public enum Logits: Sendable {
            case none
            case last
            case all
        }

        /// Where in the batch's `tokens`.
        public var tokens: Range<Int>
        /// The position of the first token in its sequence: the tokens before it are in the cache.
        public var startPosition: Int
        /// The sequence's blocks of the cache in the order of positions: block `i` holds positions `16 i ..< 16 i + 16`. They reach
        /// the last token of the run.
        public var blocks: [Int32]
        /// Nil: the base model.
        public var delta: AdapterDelta?
        public var logits: Logits
        /// Its sequence takes the short factors of LongRoPE: see `RotaryEmbedding.isShort`. All runs of a sequence say the same.
        public var isShort: Bool

        public init(
            tokens: Range<Int>, startPosition: Int, blocks: [Int32], delta: AdapterDelta? = nil, logits: Logits = .last,
            isShort: Bool = false
        ) {
            self.tokens = tokens
            self.startPosition = startPosition
            self.blocks = blocks
            self.delta = delta
            self.logits = logits
            self.isShort = isShort
        }

        /// Rows of logits that the run writes.
        public var logitsRows: Int {
            switch logits {
            case .none: 0
            case .last: min(1, tokens.count)
            case .all: tokens.count
            }
        }
    }

    public var tokens: [Int32]
    public var runs: [Run]

    public init(tokens: [Int32] = [], runs: [Run] = []) {
        self.tokens = tokens
        self.runs = runs
    }

    /// Rows of logits that the step writes, in the order of the runs and, within a run, of positions.
    public var logitsRows: Int { runs.reduce(0) { $0 + $1.logitsRows } }
}
