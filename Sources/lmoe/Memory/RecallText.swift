import Generation

/// A fact that answers, for a person.
struct RecallText {
    private let recall: MemoryRecall

    init(_ recall: MemoryRecall) { self.recall = recall }

    var line: String { "\(source), score \(Figure.decimals(recall.score, 2))\(question)" }

    var text: String {
        let margin = recall.margin.map { ", \(Figure.decimals($0, 2)) above the next fact" }
        let alone = recall.fact == nil ? "" : ", and no other fact came near"
        return """
            \(source)\(question)
            score: \(Figure.decimals(recall.score, 2)), threshold \(Figure.decimals(recall.threshold, 2))\(margin ?? alone)
            """
    }

    private var source: String { recall.fact.map { "fact \($0) of \(recall.memory)" } ?? "experts of \(recall.memory)" }
    private var question: String { recall.question.map { ": \($0)" } ?? "" }
}
