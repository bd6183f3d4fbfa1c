extension RowPlan {
    /// A plan as plain values, which loops read without counting references. Valid until the plan changes.
    struct View {
        let rows: Int
        let segmentCount: Int
        let bandCount: Int
        let logitsCount: Int
        let tokens: UnsafePointer<Int32>
        let places: UnsafePointer<Place>
        let segments: UnsafePointer<Segment>
        let bands: UnsafePointer<Band>
        let logitsRows: UnsafePointer<Int32>
        let tables: UnsafePointer<Int32>
        let rotation: Rotation
        let slidingRotation: Rotation
        let queryFactors: UnsafePointer<Float>?
        let adapts: Bool
        private let routes: Bool
        let patchesEmbedding: Bool
        let patchesHead: Bool
        let patchesNorms: Bool
        let hasMixtures: Bool
        /// Some band changes the base's experts.
        let patchesExperts: Bool
        /// The greatest rank of a branch; 0: no band has a branch.
        let branchRank: Int
        /// Experts that a row chooses at most.
        let chosen: Int
        let trace: ExpertTrace.View?
        let feedForwardTrace: FeedForwardTrace.View?
        let entry: FeedForwardEntry?
        /// Bit `projection`: some band scales its input.
        private let scaled: UInt8

        init(_ plan: RowPlan) {
            rows = plan.rows
            segmentCount = plan.segmentCount
            bandCount = plan.bandCount
            logitsCount = plan.logitsCount
            tokens = UnsafePointer(plan.tokens)
            places = UnsafePointer(plan.places)
            segments = UnsafePointer(plan.segments)
            bands = UnsafePointer(plan.bands)
            logitsRows = UnsafePointer(plan.logitsRows)
            tables = UnsafePointer(plan.tables)
            rotation = plan.rotation
            slidingRotation = plan.slidingRotation
            queryFactors = plan.queryFactors.map { UnsafePointer($0) }
            adapts = plan.extent.adapts
            routes = plan.routes
            patchesEmbedding = plan.extent.vocabulary.patchesEmbedding
            patchesHead = plan.extent.vocabulary.patchesHead
            patchesNorms = plan.extent.norms.patchesNorms
            hasMixtures = !plan.extent.mixtures.isEmpty
            patchesExperts = !plan.extent.experts.isEmpty
            branchRank = plan.extent.branches.largestRank
            chosen = plan.extent.mixtures.chosen
            trace = plan.trace
            feedForwardTrace = plan.feedForwardTrace
            entry = plan.entry
            var bits: UInt8 = 0
            for index in 0..<Projection.count where plan.extent.linear.scalesInput[index] { bits |= 1 << index }
            scaled = bits
        }

        var scalesInputs: Bool { scaled != 0 }

        /// Something reads the rows of norms in f32.
        var keepsNormed: Bool { adapts || routes || feedForwardTrace != nil }

        func scalesInput(_ projection: Int) -> Bool { scaled >> projection & 1 == 1 }

        /// What the band after one does to linear maps; nil at the end and for the base.
        func patches(after band: Int) -> LinearEntries<PatchEntry>? {
            band + 1 < bandCount ? bands[band + 1].patches : nil
        }
    }
}
