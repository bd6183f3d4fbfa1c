/// What an adapter does at one seam of the decoder: a place where it changes what the base computes.
///
/// A seam is a folder beside this file. It holds the data that an adapter gives, this part, the fast path, the reference path, the
/// cost, and in `Training` the gradient. Besides its folder, a new seam touches these places:
///
/// - `AdapterDelta`: the part, and how families give it.
/// - `SeamExtent` below, `FastScratch` and `FastStep.Inputs`: the memory of a step; `RowPlan.Band`: a pointer to the part's entries, which
///   `RowPlan.append` and `RowPlan+View` know.
/// - `FastStep+Seams`, `ReferenceDecoder+Seams` and `ModelCost+Seams`: where in a layer it acts. The vocabulary seam acts outside the
///   layers: in `embed` and `head` of both decoders and in `DecoderWeights+Cost`. The norm
///   seam acts where rows are normed: `FastStep+Rows`, `projectHeads`, `head` and their twins of the reference path; its cost is left out. That of
///   the base's experts acts in `multiplyExperts` of both paths.
/// - `TrainableForms`, `TrainableAdapter` and `TrainingWorkspace` with its layer, where it is tuned.
protocol SeamPart: AnyObject, Sendable {
    /// Bytes of its matrices and vectors.
    var byteCount: Int { get }
    /// Some matrix is int8, which the reference path does not read.
    var hasInt8: Bool { get }
    /// It only adds low-rank products and biases to linear maps, so that `AdapterDelta.scaled(by:)` can scale it.
    var isLowRank: Bool { get }
    /// Whether `validate(for:)` would pass; the number of layers agrees. Cost: some comparisons.
    func fits(_ configuration: DecoderConfiguration) -> Bool
    /// Throws `wrongShape`, which names what does not fit.
    func validate(for configuration: DecoderConfiguration) throws(ModelError)
}

/// The most that the adapters of a plan's rows need at each seam. A step's memory is sized by it.
struct SeamExtent {
    /// Some row is not the base's.
    private(set) var adapts = false
    private(set) var linear = LinearExtent()
    private(set) var mixtures = MixtureExtent()
    private(set) var branches = BranchExtent()
    private(set) var vocabulary = VocabularyExtent()
    private(set) var norms = NormExtent()
    private(set) var experts = ExpertsExtent()

    mutating func clear() {
        adapts = false
        linear.clear()
        mixtures.clear()
        branches.clear()
        vocabulary.clear()
        norms.clear()
        experts.clear()
    }

    mutating func include(_ delta: AdapterDelta) {
        adapts = true
        linear.include(delta.linear)
        if let part = delta.mixtures { mixtures.include(part) }
        if let part = delta.branches { branches.include(part) }
        if let part = delta.vocabulary { vocabulary.include(part) }
        if let part = delta.norms { norms.include(part) }
        if let part = delta.experts { experts.include(part) }
    }
}
