internal import Glibc

/// A body of `multipart/form-data` (RFC 7578): its parts are slices of the body.
struct MultipartForm: Sendable {
    struct Part: Sendable, Equatable {
        var name: String
        /// Of a file, as the client sent it.
        var fileName: String?
        var content: ArraySlice<UInt8>
    }

    let parts: [Part]

    private static let mostParts = 16
    private static let mostHeaderBytes = 4_096
    /// RFC 2046.
    private static let mostBoundaryBytes = 70

    /// Errors: `invalidRequest` for a body that is not what its header says.
    init(_ bytes: [UInt8], boundary: [UInt8]) throws(APIError) {
        var parts: [Part] = []
        let mark = Array("--".utf8) + boundary
        // Text before the first mark is ignored.
        guard var place = Self.find(mark, in: bytes, from: 0) else {
            throw Self.malformed("its boundary does not occur in it")
        }
        while true {
            place += mark.count
            if bytes[place...].starts(with: "--".utf8) { break }
            guard bytes[place...].starts(with: "\r\n".utf8) else { throw Self.malformed("a boundary does not end its line") }
            guard parts.count < Self.mostParts else { throw Self.malformed("more than \(Self.mostParts) parts") }
            let (header, content) = try Self.header(bytes, from: place + 2)
            guard let end = Self.find(Array("\r\n".utf8) + mark, in: bytes, from: content) else {
                throw Self.malformed("its last part has no end")
            }
            parts.append(try Self.part(header, bytes[content..<end]))
            place = end + 2
        }
        self.parts = parts
    }

    /// The boundary that a header `Content-Type` names. Errors: `invalidRequest` for another type.
    static func boundary(_ type: String?) throws(APIError) -> [UInt8] {
        let fields = parameters(type ?? "")
        guard fields.first?.name == "multipart/form-data", let boundary = fields.first(where: { $0.name == "boundary" })?.value,
            (1...mostBoundaryBytes).contains(boundary.utf8.count)
        else {
            throw APIError(
                .invalidRequest, "Expected a body of `multipart/form-data` with a boundary, found the header `Content-Type: \(shown(type))`.")
        }
        return Array(boundary.utf8)
    }

    /// The one part of a name. Errors: `invalidRequest` where there are two.
    func part(_ name: String) throws(APIError) -> Part? {
        let found = parts.filter { $0.name == name }
        guard found.count < 2 else { throw APIError(.invalidRequest, "`\(name)` is there \(found.count) times.", param: name) }
        return found.first
    }

    /// A field's text. Errors: `invalidRequest` for a file, for more than a name's length, and for what is not UTF-8.
    func text(_ name: String, limitBytes: Int = 256) throws(APIError) -> String? {
        guard let part = try part(name) else { return nil }
        guard part.fileName == nil, part.content.count <= limitBytes, let text = String(validating: part.content, as: UTF8.self) else {
            throw APIError(.invalidRequest, "`\(name)`: expected a text of at most \(limitBytes) bytes.", param: name)
        }
        return text
    }

    // MARK: Parts

    /// The lines before an empty one, and where the content begins.
    private static func header(_ bytes: [UInt8], from start: Int) throws(APIError) -> (text: String, content: Int) {
        if bytes[start...].starts(with: "\r\n".utf8) { return ("", start + 2) }
        guard let end = find(Array("\r\n\r\n".utf8), in: bytes, from: start), end - start <= mostHeaderBytes else {
            throw malformed("the header of a part has no end within \(mostHeaderBytes) bytes")
        }
        guard let text = String(validating: bytes[start..<end], as: UTF8.self) else { throw malformed("the header of a part is not UTF-8") }
        return (text, end + 4)
    }

    private static func part(_ header: String, _ content: ArraySlice<UInt8>) throws(APIError) -> Part {
        for line in header.split(separator: "\r\n") {
            let halves = line.split(separator: ":", maxSplits: 1)
            guard halves.count == 2, halves[0].lowercased() == "content-disposition" else { continue }
            let fields = parameters(String(halves[1]))
            func value(_ name: String) -> String? { fields.first { $0.name == name }?.value }
            guard fields.first?.name == "form-data", let name = value("name") else { continue }
            return Part(name: name, fileName: value("filename*").flatMap(decoded) ?? value("filename"), content: content)
        }
        throw malformed("a part has no header `Content-Disposition: form-data; name=…`")
    }

    /// `a; b=c; d="e"`: the first one has no value.
    private static func parameters(_ text: String) -> [(name: String, value: String)] {
        var fields: [(name: String, value: String)] = []
        var (word, isQuoted, isEscaped) = ("", false, false)
        var name: String?
        func close() {
            let plain = word.split(separator: " ", omittingEmptySubsequences: false).joined(separator: " ")
            let trimmed = String(plain.drop { $0 == " " || $0 == "\t" })
            fields.append(name.map { ($0, trimmed) } ?? (trimmed.lowercased(), ""))
            (word, name) = ("", nil)
        }
        for character in text {
            if isEscaped {
                word.append(character)
                isEscaped = false
            } else if isQuoted, character == "\\" {
                isEscaped = true
            } else if character == "\"" {
                isQuoted.toggle()
            } else if !isQuoted, character == ";" {
                close()
            } else if !isQuoted, name == nil, character == "=" {
                name = String(word.drop { $0 == " " || $0 == "\t" }).lowercased()
                word = ""
            } else {
                word.append(character)
            }
        }
        close()
        return fields
    }

    /// `UTF-8''na%C3%AFve.jsonl` (RFC 8187); nil for another charset or bytes that are not UTF-8.
    private static func decoded(_ text: String) -> String? {
        let parts = text.split(separator: "'", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].lowercased() == "utf-8" else { return nil }
        var bytes: [UInt8] = []
        var rest = parts[2].utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16), rest.count >= 2 else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func find(_ pattern: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
        guard start <= bytes.count else { return nil }
        return bytes.withUnsafeBytes { all in
            guard let base = all.baseAddress else { return nil }
            var place = start
            while place + pattern.count <= all.count {
                let room = all.count - pattern.count + 1 - place
                guard let found = memchr(base + place, Int32(pattern[0]), room) else { return nil }
                place = UnsafeRawPointer(found) - base
                if memcmp(found, pattern, pattern.count) == 0 { return place }
                place += 1
            }
            return nil
        }
    }

    private static func malformed(_ what: String) -> APIError { APIError(.invalidRequest, "The body is not `multipart/form-data`: \(what).") }

    private static func shown(_ type: String?) -> String { String((type ?? "").prefix(80)) }
}
