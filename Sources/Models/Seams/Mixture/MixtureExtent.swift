/// The most that the mixtures of a plan's rows need.
struct MixtureExtent {
    /// Experts that a row chooses in one mixture; 0: no mixtures.
    private(set) var chosen = 0
    /// Experts of one mixture.
    private(set) var experts = 0
    private(set) var mixesFeedForward = false
    private(set) var finishesDown = false
    /// For each projection the greatest rank of an expert.
    private(set) var largestRank = Projection.allCases.map { _ in 0 }

    var isEmpty: Bool { chosen == 0 }

    mutating func clear() {
        (chosen, experts, mixesFeedForward, finishesDown) = (0, 0, false, false)
        for index in largestRank.indices { largestRank[index] = 0 }
    }

    mutating func include(_ part: MixturePart) {
        chosen = max(chosen, part.mostChosen)
        experts = max(experts, part.mostExperts)
        mixesFeedForward = mixesFeedForward || part.feedForwardEntries != nil
        finishesDown = finishesDown || part.finishesDown
        for index in largestRank.indices { largestRank[index] = max(largestRank[index], part.largestRank[index]) }
    }
}
