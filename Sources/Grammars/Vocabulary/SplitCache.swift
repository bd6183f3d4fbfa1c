/// What states of automata decide by themselves, kept for one vocabulary.
struct SplitCache {
    struct Key: Hashable {
        var automaton: ObjectIdentifier
        var state: Int32
        /// Within a character, where characters are counted; -1 elsewhere.
        var place: Int32
    }

    /// Of one automaton's state.
    enum Split: Sendable {
        case plain(TokenSplit)
        case counted(CountedSplit)
    }

    private var own: [Key: Split] = [:]
    private(set) var memory = 0

    mutating func split(_ automaton: ByteAutomaton, _ state: Int32, _ vocabulary: TokenVocabulary) -> TokenSplit {
        let key = Key(automaton: ObjectIdentifier(automaton), state: state, place: -1)
        let found = find(key, isShared: automaton.isShared, vocabulary) { .plain(TokenSplit(automaton, state: state, vocabulary: vocabulary)) }
        if case .plain(let split) = found { return split }
        preconditionFailure("a key of one kind of split has led to another kind")
    }

    mutating func counted(_ automaton: ByteAutomaton, _ state: Int32, place: Int32, _ vocabulary: TokenVocabulary) -> CountedSplit {
        let key = Key(automaton: ObjectIdentifier(automaton), state: state, place: place)
        let found = find(key, isShared: automaton.isShared, vocabulary) {
            .counted(CountedSplit(automaton, state: state, place: place, vocabulary: vocabulary))
        }
        if case .counted(let split) = found { return split }
        preconditionFailure("a key of one kind of split has led to another kind")
    }

    private mutating func find(_ key: Key, isShared: Bool, _ vocabulary: TokenVocabulary, _ make: () -> Split) -> Split {
        if isShared {
            return vocabulary.sharedSplits.withLock { known in
                if let split = known[key] { return split }
                let split = make()
                known[key] = split
                return split
            }
        }
        if let split = own[key] { return split }
        let split = make()
        own[key] = split
        switch split {
        case .plain(let split): memory += split.inside.memory + split.exits.count * 4
        case .counted(let split): memory += split.memory
        }
        return split
    }
}
