/// Activated LoRA (Greenewald et al. 2025, aLoRA): an adapter that begins in the middle of a sequence, so that the keys and values before it
/// are the base's.
extension AdapterDelta {
    /// The place of the first token that it acts on: 0, or where `invocation` occurs last; nil: nowhere, and the base answers.
    /// Cost: `O(tokens * invocation)` at worst.
    public func start(in tokens: [Int32]) -> Int? {
        guard let first = invocation.first else { return 0 }
        var place = tokens.count - invocation.count
        while place >= 0 {
            if tokens[place] == first, tokens[place..<place + invocation.count].elementsEqual(invocation) { return place }
            place -= 1
        }
        return nil
    }
}

extension StepBatch {
    /// The runs of consecutive tokens of one sequence, on which a delta acts from `start` on: one or two.
    ///
    /// - Parameters:
    ///   - tokens: of the batch; the first lies at `position` of its sequence
    ///   - start: in the sequence; nil: the base computes all
    public static func runs(
        _ tokens: Range<Int>, at position: Int, blocks: [Int32], delta: AdapterDelta?, from start: Int?, logits: Run.Logits,
        isShort: Bool = false
    ) -> [Run] {
        let end = position + tokens.count
        let before = min(max((start ?? end) - position, 0), tokens.count)
        let split = tokens.lowerBound + before
        var runs: [Run] = []
        if before > 0 {
            let isAll = before == tokens.count
            runs.append(
                Run(
                    tokens: tokens.lowerBound..<split, startPosition: position, blocks: blocks, delta: nil,
                    logits: logits == .last && !isAll ? .none : logits, isShort: isShort))
        }
        if before < tokens.count {
            runs.append(
                Run(tokens: split..<tokens.upperBound, startPosition: position + before, blocks: blocks, delta: delta, logits: logits,
                    isShort: isShort))
        }
        return runs
    }
}
