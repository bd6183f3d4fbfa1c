/// A compiled grammar. Immutable; any thread.
public final class Grammar: Sendable {
    let bodies: [NodeBody]
    /// Of each node: the least number of frames with which it can be completed.
    let depths: [Int32]
    let root: GrammarNode
    /// What of the source is not enforced, for people.
    public let notes: [String]
    let limits: GrammarLimits

    /// The brackets, which every builder makes first.
    let openObject = GrammarNode(0)
    let openList = GrammarNode(1)

    init(bodies: [NodeBody], depths: [Int32], root: GrammarNode, notes: [String], limits: GrammarLimits) {
        self.bodies = bodies
        self.depths = depths
        self.root = root
        self.notes = notes
        self.limits = limits
    }

    /// Whether a whole text satisfies it.
    public func matches(_ bytes: some Sequence<UInt8>) -> Bool {
        let machine = Machine(self)
        guard let state = machine.walk(bytes) else { return false }
        return machine.isAccepting(state)
    }

    public func matches(_ text: String) -> Bool { matches(text.utf8) }

    /// Whether a text is the beginning of one that satisfies it.
    public func begins(_ bytes: some Sequence<UInt8>) -> Bool { Machine(self).walk(bytes) != nil }
}
