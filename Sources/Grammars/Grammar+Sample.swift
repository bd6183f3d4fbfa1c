extension Grammar {
    /// A text that satisfies it, byte by byte at random, and from a limit on the shortest way to an end; nil where none is found.
    ///
    /// - Parameter softLimit: bytes after which the text is brought to an end.
    public func sample(using random: inout some RandomNumberGenerator, softLimit: Int = 200) -> [UInt8]? {
        let machine = Machine(self)
        let lengths = ShortestLengths(self)
        var state = machine.start
        var text: [UInt8] = []
        while true {
            if text.count >= softLimit, let end = ClosingText.find(machine, state, lengths) { return text + end }
            guard text.count < softLimit * 1_000 else { return nil }
            var candidates: [UInt8] = []
            for byte in 0...255 as ClosedRange<UInt8> where machine.next(state, byte) != Machine.dead { candidates.append(byte) }
            if machine.isAccepting(state), candidates.isEmpty || Int.random(in: 0..<4, using: &random) == 0 { return text }
            guard let byte = candidates.randomElement(using: &random) else { return nil }
            text.append(byte)
            state = machine.next(state, byte)
        }
    }
}
