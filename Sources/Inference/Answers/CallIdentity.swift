/// Identities of calls.
enum CallIdentity {
    private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    private static let shortLength = 9

    /// `call_` and 24 letters and digits, as OpenAI's; or 9 of them, which is all that Mistral's templates take.
    static func random(isShort: Bool) -> String {
        var generator = SystemRandomNumberGenerator()
        let text = String((0..<(isShort ? shortLength : 24)).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] })
        return isShort ? text : "call_\(text)"
    }

    /// A short one for an identity of another server; the same for the same.
    static func shortened(_ identity: String) -> String {
        let isShort = identity.utf8.count == shortLength && identity.utf8.allSatisfy { alphabet.contains(Character(Unicode.Scalar($0))) }
        guard !isShort else { return identity }
        // FNV-1a.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in identity.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return String(
            (0..<shortLength).map { _ in
                defer { hash /= UInt64(alphabet.count) }
                return alphabet[Int(hash % UInt64(alphabet.count))]
            })
    }
}
