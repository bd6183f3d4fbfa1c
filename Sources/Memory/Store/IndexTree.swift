/// Elements by 64-bit index, as a value whose copies share memory: a radix tree with 32 places a node (persistent, as the vectors of
/// Clojure).
///
/// To set or remove an element copies the nodes of its path that another copy of the tree holds: 4 nodes at a million indices, 13 at most.
/// Nodes that no other copy holds are changed in place. Cost of a look-up: O(path).
struct IndexTree<Element: Sendable>: Sendable {
    private enum Node: Sendable {
        case leaf([Element?])
        case inner([Node?])
    }

    /// Bits of an index that one node takes.
    private static var bits: UInt64 { 5 }
    private static var places: Int { 32 }

    private var root: Node?
    /// Nodes from the root to a leaf, the root left out.
    private var depth: UInt64 = 0
    private(set) var count = 0

    init() {}

    private static func place(_ index: UInt64, _ level: UInt64) -> Int { Int(index >> (bits * level) & 31) }

    private func covers(_ index: UInt64) -> Bool { index >> (Self.bits * (depth + 1)) == 0 }

    subscript(index: UInt64) -> Element? {
        guard covers(index), var node = root else { return nil }
        var level = depth
        while true {
            switch node {
            case .leaf(let elements): return elements[Self.place(index, 0)]
            case .inner(let nodes):
                guard let next = nodes[Self.place(index, level)] else { return nil }
                node = next
                level -= 1
            }
        }
    }

    /// Changes the place of an index: nil is an empty place.
    mutating func update<Result>(_ index: UInt64, _ body: (inout Element?) -> Result) -> Result {
        while !covers(index) {
            if root != nil {
                var nodes = [Node?](repeating: nil, count: Self.places)
                nodes[0] = root
                root = .inner(nodes)
            }
            depth += 1
        }
        var change = 0
        let result = Self.update(&root, index, depth) { (element: inout Element?) in
            let before = element == nil ? 0 : 1
            let result = body(&element)
            change = (element == nil ? 0 : 1) - before
            return result
        }
        count += change
        return result
    }

    private static func update<Result>(
        _ node: inout Node?, _ index: UInt64, _ level: UInt64, _ body: (inout Element?) -> Result
    ) -> Result {
        let place = place(index, level)
        // Taken out of the node while it is changed: an array with one reference is changed in place.
        var taken = node
        node = nil
        let result: Result
        if level == 0 {
            var elements: [Element?]
            if case .leaf(let found) = taken { elements = found } else { elements = [Element?](repeating: nil, count: places) }
            taken = nil
            result = body(&elements[place])
            if elements[place] != nil || elements.contains(where: { $0 != nil }) { node = .leaf(elements) }
        } else {
            var nodes: [Node?]
            if case .inner(let found) = taken { nodes = found } else { nodes = [Node?](repeating: nil, count: places) }
            taken = nil
            result = update(&nodes[place], index, level - 1, body)
            if nodes[place] != nil || nodes.contains(where: { $0 != nil }) { node = .inner(nodes) }
        }
        return result
    }

    mutating func set(_ index: UInt64, _ element: Element?) {
        update(index) { $0 = element }
    }

    /// In the order of the indices.
    func forEach<Failure: Error>(_ body: (UInt64, Element) throws(Failure) -> Void) throws(Failure) {
        if let root { try Self.visit(root, 0, body) }
    }

    private static func visit<Failure: Error>(
        _ node: Node, _ prefix: UInt64, _ body: (UInt64, Element) throws(Failure) -> Void
    ) throws(Failure) {
        switch node {
        case .leaf(let elements):
            for (place, element) in elements.enumerated() {
                if let element { try body(prefix << bits | UInt64(place), element) }
            }
        case .inner(let nodes):
            for (place, next) in nodes.enumerated() {
                if let next { try visit(next, prefix << bits | UInt64(place), body) }
            }
        }
    }

    /// The first element at an index or after it: how a list is read page by page. Cost: O(path).
    func first(from index: UInt64) -> (index: UInt64, element: Element)? {
        guard covers(index), let root else { return nil }
        return Self.first(root, depth, 0, index)
    }

    private static func first(_ node: Node, _ level: UInt64, _ prefix: UInt64, _ index: UInt64) -> (index: UInt64, element: Element)? {
        // The subtree's own part of the index; a subtree behind it is read from its beginning.
        let start = prefix << (bits * (level + 1)) >= index ? 0 : Self.place(index, level)
        switch node {
        case .leaf(let elements):
            for place in start..<places {
                if let element = elements[place] { return (prefix << bits | UInt64(place), element) }
            }
        case .inner(let nodes):
            for place in start..<places {
                if let next = nodes[place], let found = first(next, level - 1, prefix << bits | UInt64(place), index) { return found }
            }
        }
        return nil
    }

    /// The nodes of this tree that another does not hold: what a change copied. Cost: O(nodes).
    func nodesNotShared(with other: Self) -> Int {
        var others: Set<UnsafeRawPointer> = []
        if let root = other.root { Self.collect(root, &others) }
        var own: Set<UnsafeRawPointer> = []
        if let root { Self.collect(root, &own) }
        return own.subtracting(others).count
    }

    private static func collect(_ node: Node, _ addresses: inout Set<UnsafeRawPointer>) {
        switch node {
        case .leaf(let elements): elements.withUnsafeBytes { addresses.formUnion($0.baseAddress.map { [UnsafeRawPointer($0)] } ?? []) }
        case .inner(let nodes):
            nodes.withUnsafeBytes { addresses.formUnion($0.baseAddress.map { [UnsafeRawPointer($0)] } ?? []) }
            for case .some(let next) in nodes { collect(next, &addresses) }
        }
    }
}
