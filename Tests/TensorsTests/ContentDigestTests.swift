import Testing

@testable import Tensors

@Suite struct ContentDigestTests {
    /// Lengths around blocks, chunks, groups of chunks and powers of two, as the reference implementation hashes them.
    static let expected = HashVectors.read()

    @Test(arguments: expected) func theHashIsThatOfTheReference(vector: HashVectors.Vector) {
        let bytes = HashVectors.message(vector.length)
        #expect(ContentDigest(of: bytes).hexadecimal == vector.hash)
        // From an address that no vector is aligned to.
        let shifted = [0] + bytes
        shifted.withUnsafeBytes { #expect(ContentDigest(of: UnsafeRawBufferPointer(rebasing: $0.dropFirst())).hexadecimal == vector.hash) }
    }

    @Test func aListIsToldFromAnotherDivisionOfTheSameBytes() {
        let (a, b, c) = (ContentDigest(of: "a"), ContentDigest(of: "b"), ContentDigest(of: "ab"))
        let lists = [[], [a], [b], [c], [a, b], [b, a], [a, b, c]]
        #expect(Set(lists.map { ContentDigest(of: $0) }).count == lists.count)
        #expect(ContentDigest(of: [a]) != a)
    }
}
