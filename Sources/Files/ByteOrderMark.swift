/// The mark that some editors put before UTF-8 text. It belongs to no format that is read here.
public enum ByteOrderMark {
    public static let bytes: [UInt8] = [0xEF, 0xBB, 0xBF]

    /// What follows the mark, or everything when there is none. Cost: O(1), nothing is copied.
    public static func skipped<Bytes: Collection>(_ text: Bytes) -> Bytes.SubSequence where Bytes.Element == UInt8 {
        text.starts(with: bytes) ? text.dropFirst(bytes.count) : text[...]
    }

    public static func skipped(_ text: String) -> String {
        text.utf8.starts(with: bytes) ? String(text.unicodeScalars.dropFirst()) : text
    }
}
