import Testing

@testable import Memory

@Suite("Tree of indices")
struct IndexTreeTests {
    @Test("any sequence of changes leaves what a dictionary holds, in order", arguments: [1, 2, 3])
    func changes(seed: UInt64) {
        var random = Numbers(seed)
        var tree = IndexTree<Int>()
        var expected: [UInt64: Int] = [:]
        for _ in 0..<4000 {
            let index = random.next() >> [40, 52, 58].randomElement(using: &random)!
            let element = random.next() % 3 == 0 ? nil : Int(random.next() % 1000)
            tree.set(index, element)
            expected[index] = element
            #expect(tree[index] == element)
        }
        #expect(tree.count == expected.count)
        var found: [UInt64] = []
        tree.forEach { index, element in
            #expect(expected[index] == element)
            found.append(index)
        }
        #expect(found == expected.keys.sorted())
        for _ in 0..<200 {
            let from = random.next() >> 44
            #expect(tree.first(from: from)?.index == found.first { $0 >= from })
        }
        for index in found { tree.set(index, nil) }
        #expect(tree.count == 0 && tree.first(from: 0) == nil)
    }

    @Test("the greatest index has a place")
    func edge() {
        var tree = IndexTree<Int>()
        tree.set(.max, 1)
        tree.set(0, 2)
        tree.set(.max - 1, 3)
        #expect(tree[.max] == 1 && tree[0] == 2 && tree[1] == nil && tree.count == 3)
        #expect(tree.first(from: 1)?.index == UInt64.max - 1)
        #expect(tree.first(from: .max)?.element == 1)
    }

    @Test("a change leaves copies as they were, and copies one path", arguments: [10, 1000, 100_000])
    func copies(count: UInt64) {
        var tree = IndexTree<UInt64>()
        for index in 0..<count { tree.set(index, index) }
        let before = tree
        tree.set(count / 2, 0)
        #expect(before[count / 2] == count / 2 && tree[count / 2] == 0)
        #expect(tree.nodesNotShared(with: before) <= 4)
        // The second change of the same leaf is made in place.
        tree.set(count / 2, 7)
        #expect(tree.nodesNotShared(with: before) <= 4)
    }
}

/// Numbers that look random, from a seed (splitmix64).
struct Numbers: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
