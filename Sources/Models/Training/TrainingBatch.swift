/// The sequences of a training step.
public struct TrainingBatch {
    /// One sequence under one adapter.
    public struct Run {
        /// At least two: each but the last is an input, and each but the first may be a target.
        public var tokens: [Int32]
        /// `[tokens]`: whether the log-probability of this token is wanted. The first is none.
        public var isTarget: [Bool]
        /// Nil: the base.
        public var adapter: TrainableAdapter?
        /// The half of the experts that a localised balance loss prefers for it; nil: none.
        public var expertHalf: ExpertHalf?
        /// Of the inputs of low-rank maps; nil: none.
        public var dropout: RunDropout?

        public init(
            tokens: [Int32], isTarget: [Bool], adapter: TrainableAdapter?, expertHalf: ExpertHalf? = nil, dropout: RunDropout? = nil
        ) {
            precondition(tokens.count == isTarget.count && tokens.count >= 2, "a run of \(tokens.count) tokens has \(isTarget.count) marks")
            self.tokens = tokens
            self.isTarget = isTarget
            self.adapter = adapter
            self.expertHalf = expertHalf
            self.dropout = dropout
        }

        /// Rows that go through the layers.
        public var rows: Int { tokens.count - 1 }
    }

    /// The dropout of a run, and the place of its rows in their task.
    public struct RunDropout: Sendable {
        public var dropout: Dropout
        /// The optimiser step of the task.
        public var step: Int
        /// The number of the run's first row among those of the step.
        public var firstRow: Int

        public init(_ dropout: Dropout, step: Int, firstRow: Int) { (self.dropout, self.step, self.firstRow) = (dropout, step, firstRow) }
    }

    /// Runs of one adapter that follow one another are multiplied with its matrices together.
    public var runs: [Run]

    public init(runs: [Run]) { self.runs = runs }

    public var rows: Int { runs.reduce(0) { $0 + $1.rows } }
}

/// A batch laid out as rows: what the layers of a training step read.
struct TrainingPlan {
    /// Rows of one sequence; they attend to one another and to its prefix.
    struct Segment {
        var rows: Range<Int>
        var adapter: TrainableAdapter?
        var expertHalf: ExpertHalf?
        /// What comes before the rows; nil: nothing.
        var prefix: LayerPrefix?
        /// Gradients of its rows are wanted.
        var isTrained: Bool
    }

    /// Consecutive rows under one adapter.
    struct Band {
        var rows: Range<Int>
        var adapter: TrainableAdapter
        /// At a row of the band, counted from its first: what masks its inputs. Empty: nothing does.
        var dropout: [Dropout.Row] = []
    }

    let tokens: [Int32]
    let positions: [Int]
    /// Positions of each row's sequence.
    let lengths: [Int]
    let segments: [Segment]
    /// Without the rows of the base alone.
    let bands: [Band]
    /// Rows whose prediction is wanted, ascending, and what they predict.
    let targetRows: [Int32]
    let targets: [Int32]
    /// At a segment: its part of `targetRows`.
    let targetRanges: [Range<Int>]

    var rows: Int { tokens.count }
    /// Some adapter scales outputs.
    var scalesOutputs: Bool { bands.contains { $0.adapter.scalesOutputs } }

    init(_ batch: TrainingBatch) {
        var (tokens, positions, lengths, segments, bands) = ([Int32](), [Int](), [Int](), [Segment](), [Band]())
        var (targetRows, targets, targetRanges) = ([Int32](), [Int32](), [Range<Int>]())
        for run in batch.runs {
            let first = tokens.count
            let rows = first..<first + run.rows
            tokens += run.tokens.dropLast()
            positions += 0..<run.rows
            lengths += repeatElement(run.rows, count: run.rows)
            segments.append(
                Segment(rows: rows, adapter: run.adapter, expertHalf: run.expertHalf, prefix: nil, isTrained: run.adapter != nil))
            if let adapter = run.adapter {
                var dropped: [Dropout.Row] = []
                if let own = run.dropout { dropped = (0..<run.rows).map { own.dropout.row(step: own.step, row: own.firstRow + $0) } }
                if let last = bands.last, last.adapter === adapter, last.rows.upperBound == first,
                    last.dropout.isEmpty == dropped.isEmpty
                {
                    bands[bands.count - 1].rows = last.rows.lowerBound..<rows.upperBound
                    bands[bands.count - 1].dropout += dropped
                } else {
                    bands.append(Band(rows: rows, adapter: adapter, dropout: dropped))
                }
            }
            let firstTarget = targets.count
            for index in 1..<run.tokens.count where run.isTarget[index] {
                targetRows.append(Int32(first + index - 1))
                targets.append(run.tokens[index])
            }
            targetRanges.append(firstTarget..<targets.count)
        }
        (self.tokens, self.positions, self.lengths, self.segments, self.bands) = (tokens, positions, lengths, segments, bands)
        (self.targetRows, self.targets, self.targetRanges) = (targetRows, targets, targetRanges)
    }

    /// Rows of the base that continue sequences, with their targets.
    init(_ runs: [UpperLayers.Run]) {
        var (positions, lengths, segments, targetRows, targetRanges) = ([Int](), [Int](), [Segment](), [Int32](), [Range<Int>]())
        for run in runs {
            let first = positions.count
            positions += run.prefix.positions..<run.prefix.positions + run.rows
            lengths += repeatElement(run.prefix.positions + run.rows, count: run.rows)
            segments.append(Segment(rows: first..<first + run.rows, prefix: run.prefix, isTrained: true))
            targetRanges.append(targetRows.count..<targetRows.count + run.targets.count)
            targetRows += run.targetRows.map { Int32(first + $0) }
        }
        (self.positions, self.lengths, self.segments, self.targetRows, self.targetRanges) = (positions, lengths, segments, targetRows, targetRanges)
        (targets, bands) = (runs.flatMap(\.targets), [])
        tokens = [Int32](repeating: 0, count: positions.count)
    }
}
