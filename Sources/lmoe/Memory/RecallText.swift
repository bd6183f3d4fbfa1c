import Generation

/// A fact that answers, for a person.
struct RecallText {
    private let recall: MemoryRecall

    init(_ recall: MemoryRecall) { self.recall = recall }

    var line: String { "fact \(recall.fact) of \(recall.memory), score \(Figure.decimals(recall.score, 2)): \(recall.question ?? "")" }

    var text: String {
        let margin = recall.margin.map { ", \(Figure.decimals($0, 2)) above the next fact" } ?? ", and no other fact came near"
        return """
            fact \(recall.fact) of \(recall.memory): \(recall.question ?? "")
            score: \(Figure.decimals(recall.score, 2)), threshold \(Figure.decimals(recall.threshold, 2))\(margin)
            """
    }
}
