import Hub
import Testing

/// Digests of the standards' own examples, and of git.
@Suite struct ContentHashTests {
    private let large = String(repeating: "0", count: 64)
    private let small = String(repeating: "0", count: 40)

    @Test func aNameOf64DigitsIsASHA256() {
        #expect(ContentHash.of(Array("abc".utf8), like: large) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(ContentHash.of([], like: large) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }

    @Test func aNameOf40DigitsIsTheHashOfGitsBlob() {
        #expect(ContentHash.of(Array("hello world\n".utf8), like: small) == "3b18e512dba79e4c8300dd08aeb37f8e728b8dad")
        #expect(ContentHash.of([], like: small) == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")
    }

    @Test func piecesHashLikeTheWholeAndARestartForgetsThem() {
        let hash = ContentHash(like: small, size: 12)
        Array("wrong".utf8).withUnsafeBytes { hash.add($0) }
        hash.restart()
        for piece in ["hello", " ", "world\n"] { Array(piece.utf8).withUnsafeBytes { hash.add($0) } }
        #expect(hash.finish() == "3b18e512dba79e4c8300dd08aeb37f8e728b8dad")
    }
}
