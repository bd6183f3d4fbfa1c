/// The roots of the prefix cache's tree, one an owner, counted by the tables and cached blocks that refer to them.
///
/// A root that has no reference is dropped and its number is used again, so there are never more roots than cached blocks and
/// sequences. A plain value of the engine thread.
struct PrefixRoots {
    private var numbers: [PrefixOwner: Int] = [:]
    private var entries: [(owner: PrefixOwner, references: Int)] = []
    private var free: [Int] = []

    var count: Int { numbers.count }

    /// The owner's node, with one more reference.
    mutating func retain(_ owner: PrefixOwner) -> PrefixCache.Node {
        if let number = numbers[owner] {
            entries[number].references += 1
            return Self.node(number)
        }
        let number: Int
        if let unused = free.popLast() {
            number = unused
            entries[number] = (owner, 1)
        } else {
            number = entries.count
            entries.append((owner, 1))
        }
        numbers[owner] = number
        return Self.node(number)
    }

    mutating func retain(_ node: PrefixCache.Node) { entries[Self.number(node)].references += 1 }

    mutating func release(_ node: PrefixCache.Node) {
        let number = Self.number(node)
        precondition(entries[number].references > 0, "a root of the prefix cache was released more often than it was retained")
        entries[number].references -= 1
        guard entries[number].references == 0 else { return }
        numbers[entries[number].owner] = nil
        free.append(number)
    }

    private static func node(_ number: Int) -> PrefixCache.Node { -1 - PrefixCache.Node(number) }
    private static func number(_ node: PrefixCache.Node) -> Int { Int(-1 - node) }
}
