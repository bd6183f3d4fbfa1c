extension Grammar {
    /// A text that satisfies it, byte by byte at random; nil where it does not end within 1,000 times `softLimit`.
    ///
    /// - Parameter softLimit: bytes after which bytes come first that tend to end a text.
    public func sample(using random: inout some RandomNumberGenerator, softLimit: Int = 200) -> [UInt8]? {
        let machine = Machine(self)
        var state = machine.start
        var text: [UInt8] = []
        while text.count < softLimit * 1_000 {
            var candidates: [UInt8] = []
            for byte in 0...255 as ClosedRange<UInt8> where machine.next(state, byte) != Machine.dead { candidates.append(byte) }
            let mayEnd = machine.isAccepting(state)
            if mayEnd, candidates.isEmpty || text.count > softLimit || Int.random(in: 0..<4, using: &random) == 0 { return text }
            let closing = text.count > softLimit ? Self.closing.first(where: candidates.contains) : nil
            guard let byte = closing ?? candidates.randomElement(using: &random) else { return nil }
            text.append(byte)
            state = machine.next(state, byte)
        }
        return nil
    }

    private static let closing = Array("]}\"nt0".utf8)
}
