/// Bytes of one file of an adapter that a client uploads: the whole file, or a piece of it.
public struct AdapterPiece: Sendable {
    public var adapter: String
    /// Its name, as the client wrote it.
    public var file: String
    /// Where the bytes begin in the file.
    public var first: Int
    /// Of the whole file.
    public var total: Int
    public var bytes: [UInt8]

    /// - Parameter range: values of `Content-Range` (RFC 9110, 14.4); none: the bytes are the whole file.
    init(adapter: String, file: String, range: [String], _ bytes: [UInt8]) throws(APIError) {
        (self.adapter, self.file, self.bytes) = (adapter, file, bytes)
        (first, total) = (0, bytes.count)
        guard let text = range.first else { return }
        func refusal(_ what: String) -> APIError {
            APIError(.invalidRequest, "the header `Content-Range` \(what); expected `bytes FIRST-LAST/TOTAL`", param: "Content-Range")
        }
        guard range.count == 1, text.utf8.count <= 64 else { throw refusal("comes more than once or is too long") }
        guard let numbers = Self.numbers(text) else { throw refusal("is `\(text)`") }
        guard numbers.first <= numbers.last, numbers.last < numbers.total else { throw refusal("is `\(text)`, which is no range") }
        guard numbers.last - numbers.first + 1 == bytes.count else {
            throw refusal("is `\(text)`, and the body has \(bytes.count) bytes")
        }
        (first, total) = (numbers.first, numbers.total)
    }

    private static func numbers(_ text: String) -> (first: Int, last: Int, total: Int)? {
        guard text.hasPrefix("bytes ") else { return nil }
        let parts = text.dropFirst("bytes ".count).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false)
        let digits = ends + parts[1...]
        guard ends.count == 2, digits.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) }) else { return nil }
        let numbers = digits.compactMap { Int($0) }
        return numbers.count == 3 ? (numbers[0], numbers[1], numbers[2]) : nil
    }
}
