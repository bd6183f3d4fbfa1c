/// The status and the header of an answer. Of several answers to one request, such as an informational one, the last.
struct HubResponseHead: Sendable, Equatable {
    private(set) var status = 0
    /// Names in small letters.
    private(set) var fields: [(name: String, value: String)] = []

    static func == (left: HubResponseHead, right: HubResponseHead) -> Bool {
        left.status == right.status && left.fields.elementsEqual(right.fields) { $0 == $1 }
    }

    /// The first field of that name, which is given in small letters; nil for none and for an empty one.
    subscript(name: String) -> String? {
        fields.first { $0.name == name && !$0.value.isEmpty }?.value
    }

    /// A line as it comes, with its end. A status line begins a new answer.
    mutating func add(line: some StringProtocol) {
        let line = line.trimmed()
        if line.hasPrefix("HTTP/") {
            status = line.split(separator: " ", maxSplits: 2).dropFirst().first.flatMap { Int($0) } ?? 0
            fields = []
        } else if let colon = line.firstIndex(of: ":"), colon != line.startIndex {
            fields.append((line[..<colon].lowercased(), String(line[line.index(after: colon)...].trimmed())))
        }
    }

    /// A hash in an entity tag: without `W/` and quotes.
    func tag(_ name: String) -> String? {
        guard var text = self[name].map({ $0[...] }) else { return nil }
        if text.hasPrefix("W/") { text = text.dropFirst(2) }
        if text.hasPrefix("\"") { text = text.dropFirst() }
        if text.hasSuffix("\"") { text = text.dropLast() }
        return text.isEmpty ? nil : String(text)
    }

    func size(_ name: String) -> Int? { self[name].flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil } }

    /// The first byte that an answer with a part of a file holds, and the size of the whole file where it says that: `bytes 5-9/10`.
    var range: (start: Int, whole: Int?)? {
        guard let text = self["content-range"], text.lowercased().hasPrefix("bytes ") else { return nil }
        let parts = text.dropFirst(6).trimmed().split(separator: "/")
        guard parts.count == 2, let start = parts[0].split(separator: "-").first.flatMap({ Int($0) }) else { return nil }
        return (start, Int(parts[1]))
    }

    var isRedirect: Bool { [301, 302, 303, 307, 308].contains(status) && self["location"] != nil }

    /// The address of the next page: `<ADDRESS>; rel="next"` in a list of links.
    var nextPage: String? {
        for field in fields where field.name == "link" {
            for part in field.value.split(separator: ",") {
                let pieces = part.split(separator: ";").map { $0.trimmed() }
                guard let address = pieces.first, address.hasPrefix("<"), address.hasSuffix(">") else { continue }
                let isNext = pieces.dropFirst().contains { ["rel=\"next\"", "rel=next"].contains($0.lowercased()) }
                if isNext { return String(address.dropFirst().dropLast()) }
            }
        }
        return nil
    }
}

extension StringProtocol {
    /// Without white space at both ends.
    func trimmed() -> String {
        let scalars = unicodeScalars
        guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
            let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
        else { return "" }
        return String(String.UnicodeScalarView(scalars[first...last]))
    }
}
