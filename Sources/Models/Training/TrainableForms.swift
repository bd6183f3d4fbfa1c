/// What an adapter trains, seam by seam.
public struct TrainableForms: Sendable {
    /// Maps that are not named stay as they are.
    public var linear: [LinearPlace: TrainableForm]
    /// By layer: mixtures in place of the feed-forward. The linear maps of such a layer's feed-forward are not in `linear`.
    public var feedForward: [Int: FeedForwardForm]
    /// By layer: maps beside the feed-forward.
    public var branches: [Int: BranchForm]
    /// Nil: embedding and head stay as they are.
    public var vocabulary: VocabularyForm?
    /// Nil: none is added to the loss.
    public var balance: BalanceLoss?

    public init(
        linear: [LinearPlace: TrainableForm] = [:], feedForward: [Int: FeedForwardForm] = [:], branches: [Int: BranchForm] = [:],
        vocabulary: VocabularyForm? = nil, balance: BalanceLoss? = nil
    ) {
        self.linear = linear
        self.feedForward = feedForward
        self.branches = branches
        self.vocabulary = vocabulary
        self.balance = balance
    }
}
