/// Naming terms that mean the same, and taking them back.
extension MemorySettings {
    /// Groups of terms that mean the same, lowercase.
    public var synonymGroups: [[String]] { synonyms.groups }

    /// Names terms that mean the same. Groups that have one of them become one with it.
    public mutating func join(_ terms: [String]) {
        var (joined, others) = ([String](), [[String]]())
        let given = terms.map(Self.folded)
        for group in synonyms.groups {
            if group.contains(where: given.contains) { joined += group } else { others.append(group) }
        }
        for term in given where !joined.contains(term) { joined.append(term) }
        synonyms = SynonymTable(others + [joined])
    }

    /// Takes a term out of its group; a group of one term is none. False: no group has it.
    public mutating func remove(_ term: String) -> Bool {
        let gone = Self.folded(term)
        guard synonyms.groups.contains(where: { $0.contains(gone) }) else { return false }
        synonyms = SynonymTable(synonyms.groups.map { $0.filter { $0 != gone } }.filter { $0.count > 1 })
        return true
    }
}
