import Testing

@testable import Inference

@Suite("Sorting without allocation") struct InsertionSortTests {
    @Test("equal keys lie together, in the order they had") func stable() {
        for count in [0, 1, 2, 7, 32, 100] {
            let elements = (0..<count).map { (key: UInt.random(in: 0..<5), number: $0) }
            var sorted = elements
            sorted.sortInPlace { $0.key }
            let expected = (0..<UInt(5)).flatMap { key in elements.filter { $0.key == key } }
            #expect(sorted.map(\.number) == expected.map(\.number))
        }
    }
}
