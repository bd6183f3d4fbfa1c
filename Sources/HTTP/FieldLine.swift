/// One line of a header or a chunk, without its line end.
enum FieldLine {
    /// `name: value`, RFC 9112, 5. Bytes above 0x7F in a value are read as UTF-8.
    static func read(_ line: [UInt8]) throws(HTTPError) -> (name: String, value: String) {
        if line.first == 0x20 || line.first == 0x09 {
            throw HTTPError(.badRequest, "a header field is folded over two lines")
        }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
            throw HTTPError(.badRequest, "a header field without a colon")
        }
        let name = line[..<colon]
        guard !name.isEmpty, name.allSatisfy(\.isToken) else {
            throw HTTPError(.badRequest, "a header field's name is empty or holds a character that names may not have")
        }
        var value = line[(colon + 1)...]
        while let first = value.first, first.isBlank { value.removeFirst() }
        while let last = value.last, last.isBlank { value.removeLast() }
        guard value.allSatisfy({ ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 }) else {
            throw HTTPError(.badRequest, "a header field's value holds a control character")
        }
        return (String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self))
    }

    /// `1F4;extension`: the size; extensions are checked for control characters and dropped.
    static func chunkSize(_ line: [UInt8]) throws(HTTPError) -> Int {
        let digits = line.prefix { $0.hexValue != nil }
        let rest = line.dropFirst(digits.count)
        guard !digits.isEmpty, rest.isEmpty || rest.first == UInt8(ascii: ";"),
            rest.allSatisfy({ ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 })
        else { throw HTTPError(.badRequest, "a chunk's size is not a hexadecimal number") }
        let significant = digits.drop { $0 == 0x30 }
        guard significant.count <= 15 else { throw HTTPError(.contentTooLarge, "the body is too large") }
        return significant.reduce(0) { $0 << 4 | Int($1.hexValue ?? 0) }
    }
}

extension UInt8 {
    var isBlank: Bool { self == 0x20 || self == 0x09 }

    /// A `tchar` of RFC 9110, 5.6.2: a character of methods and field names.
    var isToken: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E, 0x5F, 0x60, 0x7C, 0x7E: true
        default: false
        }
    }
}
