/// `▁` (U+2581), which SentencePiece vocabularies spell a space with.
enum SpaceMark {
    static let bytes: [UInt8] = [0xE2, 0x96, 0x81]
    static let text = "\u{2581}"
    private static let space = UInt8(ascii: " ")

    /// The text with a mark for each space; nil where it has none.
    static func mark(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> [UInt8]? {
        guard text.contains(space) else { return nil }
        var marked: [UInt8] = []
        marked.reserveCapacity(text.count + text.count / 2)
        for byte in text { byte == space ? marked.append(contentsOf: bytes) : marked.append(byte) }
        return marked
    }

    /// The text that a piece spells.
    static func unmark(_ piece: [UInt8]) -> [UInt8] {
        guard piece.count >= 3, piece.contains(bytes[0]) else { return piece }
        var text: [UInt8] = []
        text.reserveCapacity(piece.count)
        var index = 0
        while index < piece.count {
            let isMark = piece[index...].starts(with: bytes)
            text.append(isMark ? space : piece[index])
            index += isMark ? 3 : 1
        }
        return text
    }
}
