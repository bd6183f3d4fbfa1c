extension StepPlan {
    /// A plan as plain values, which loops read without counting references. Good until the plan changes.
    struct View {
        let rows: Int
        let segmentCount: Int
        let spanCount: Int
        let logitsCount: Int
        let tokens: UnsafePointer<Int32>
        let places: UnsafePointer<Place>
        let segments: UnsafePointer<Segment>
        let spans: UnsafePointer<Span>
        let logitsRows: UnsafePointer<Int32>
        let tables: UnsafePointer<Int32>
        let turns: Turns
        let slidingTurns: Turns
        let largestBranchRank: Int
        let adapts: Bool
        let patchesEmbedding: Bool
        let patchesHead: Bool
        let hasMixtures: Bool
        /// Experts that a row chooses at most.
        let chosen: Int
        let trace: ExpertTrace.Span?
        /// Bit `projection`: some span scales its input.
        private let scaled: UInt8

        init(_ plan: StepPlan) {
            rows = plan.rows
            segmentCount = plan.segmentCount
            spanCount = plan.spanCount
            logitsCount = plan.logitsCount
            tokens = UnsafePointer(plan.tokens)
            places = UnsafePointer(plan.places)
            segments = UnsafePointer(plan.segments)
            spans = UnsafePointer(plan.spans)
            logitsRows = UnsafePointer(plan.logitsRows)
            tables = UnsafePointer(plan.tables)
            turns = plan.turns
            slidingTurns = plan.slidingTurns
            largestBranchRank = plan.largestBranchRank
            adapts = plan.adapts
            patchesEmbedding = plan.patchesEmbedding
            patchesHead = plan.patchesHead
            hasMixtures = !plan.mixtures.isEmpty
            chosen = plan.mixtures.chosen
            trace = plan.trace
            var bits: UInt8 = 0
            for index in plan.scalesInput.indices where plan.scalesInput[index] { bits |= 1 << index }
            scaled = bits
        }

        var scalesInputs: Bool { scaled != 0 }

        func scalesInput(_ projection: Int) -> Bool { scaled >> projection & 1 == 1 }

        /// What the span after one does to the model; nil at the end and for the base.
        func patches(after span: Int) -> UnsafePointer<PatchEntry>? {
            span + 1 < spanCount ? spans[span + 1].patches : nil
        }
    }
}
