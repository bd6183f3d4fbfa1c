/// Python's string operations, on code points.

/// What `str.isspace`, `strip` and `\s` take for white space.
func isPythonSpace(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
    default: false
    }
}

enum StripSides {
    case left, right, both
}

extension String {
    init(scalars: some Sequence<Unicode.Scalar>) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(scalars.underestimatedCount)
        for scalar in scalars {
            if scalar.isASCII { bytes.append(UInt8(truncatingIfNeeded: scalar.value)) } else { bytes += scalar.utf8 }
        }
        self.init(decoding: bytes, as: UTF8.self)
    }

    /// `strip`, `lstrip` and `rstrip`; nil strips white space.
    func stripped(_ characters: String? = nil, _ sides: StripSides = .both) -> String {
        let set = characters.map { Set($0.unicodeScalars) }
        func strips(_ scalar: Unicode.Scalar) -> Bool { set?.contains(scalar) ?? isPythonSpace(scalar) }
        var rest = unicodeScalars[...]
        if sides != .right { rest = rest.drop(while: strips) }
        if sides != .left {
            while let last = rest.last, strips(last) { rest.removeLast() }
        }
        return String(rest)
    }

    /// `upper`: full mappings, one code point at a time.
    var pythonUpper: String { String(scalars: unicodeScalars.flatMap { $0.properties.uppercaseMapping.unicodeScalars }) }

    /// `lower`, with the sigma that ends a word.
    var pythonLower: String {
        var result = String.UnicodeScalarView()
        let scalars = Array(unicodeScalars)
        for (index, scalar) in scalars.enumerated() {
            if scalar == "\u{3A3}" {
                result.append(endsWord(scalars, index) ? "\u{3C2}" : "\u{3C3}")
            } else {
                result.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
            }
        }
        return String(result)
    }

    private func endsWord(_ scalars: [Unicode.Scalar], _ index: Int) -> Bool {
        func isCased(_ candidates: some Sequence<Unicode.Scalar>) -> Bool {
            candidates.first { !$0.properties.isCaseIgnorable }?.properties.isCased ?? false
        }
        return isCased(scalars[..<index].reversed()) && !isCased(scalars[(index + 1)...])
    }

    /// `str.capitalize`.
    var pythonCapitalized: String {
        guard let first = unicodeScalars.first else { return self }
        return first.properties.titlecaseMapping + String(unicodeScalars.dropFirst()).pythonLower
    }

    /// `str.title`: a capital after everything that has no case.
    var pythonTitle: String {
        var result = ""
        var afterCased = false
        for scalar in unicodeScalars {
            result += afterCased ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
            afterCased = scalar.properties.isCased
        }
        return result
    }

    /// `str.splitlines`.
    func pythonLines(keepingEnds: Bool = false) -> [String] {
        var lines: [String] = []
        var line = String.UnicodeScalarView()
        var rest = unicodeScalars[...]
        while let scalar = rest.popFirst() {
            switch scalar.value {
            case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029:
                if keepingEnds { line.append(scalar) }
                if scalar == "\r", rest.first == "\n" {
                    rest.removeFirst()
                    if keepingEnds { line.append("\n") }
                }
                lines.append(String(line))
                line = String.UnicodeScalarView()
            default: line.append(scalar)
            }
        }
        if !line.isEmpty { lines.append(String(line)) }
        return lines
    }

    /// `str.split(separator, limit)` or, from the right, `rsplit`; the separator is not empty; a negative limit is none.
    func pythonSplit(_ separator: String, limit: Int, fromRight: Bool = false) -> [String] {
        let bytes = Array(utf8)
        let pattern = Array(separator.utf8)
        var places = byteOccurrences(of: pattern, in: bytes, fromRight: fromRight, limit: limit)
        if fromRight { places.reverse() }
        var parts: [String] = []
        var start = 0
        for place in places {
            parts.append(String(decoding: bytes[start..<place], as: UTF8.self))
            start = place + pattern.count
        }
        parts.append(String(decoding: bytes[start...], as: UTF8.self))
        return parts
    }

    /// `str.split()` at runs of white space.
    func pythonWords(limit: Int, fromRight: Bool = false) -> [String] {
        var words: [String] = []
        var rest = Substring.UnicodeScalarView(unicodeScalars)
        while true {
            if fromRight {
                while let last = rest.last, isPythonSpace(last) { rest.removeLast() }
            } else {
                rest = rest.drop(while: isPythonSpace)
            }
            guard !rest.isEmpty else { break }
            if limit >= 0, words.count == limit {
                words.append(String(rest))
                break
            }
            if fromRight {
                let word = rest.reversed().prefix { !isPythonSpace($0) }
                words.append(String(scalars: word.reversed()))
                rest.removeLast(word.count)
            } else {
                let word = rest.prefix { !isPythonSpace($0) }
                words.append(String(word))
                rest.removeFirst(word.count)
            }
        }
        return fromRight ? words.reversed() : words
    }

    /// Occurrences that don't overlap, `limit` at most; a negative limit is none. Cost: `O(bytes + pattern)`, whatever they hold
    /// (Knuth, Morris and Pratt, 1977).
    private func byteOccurrences(of pattern: [UInt8], in bytes: [UInt8], fromRight: Bool, limit: Int) -> [Int] {
        guard pattern.count > 0, bytes.count >= pattern.count else { return [] }
        // From the right: from the left in both turned around.
        let (text, wanted) = fromRight ? (bytes.reversed(), pattern.reversed()) : (bytes, pattern)
        let borders = Self.borders(of: wanted)
        var places: [Int] = []
        var matched = 0
        for (index, byte) in text.enumerated() {
            if limit >= 0, places.count == limit { break }
            while matched > 0, wanted[matched] != byte { matched = borders[matched - 1] }
            if wanted[matched] == byte { matched += 1 }
            guard matched == wanted.count else { continue }
            places.append(fromRight ? text.count - index - 1 : index + 1 - wanted.count)
            matched = 0
        }
        return places
    }

    /// Length of the longest proper border of each prefix.
    private static func borders(of pattern: [UInt8]) -> [Int] {
        var borders = [Int](repeating: 0, count: pattern.count)
        var length = 0
        for index in pattern.indices.dropFirst() {
            while length > 0, pattern[index] != pattern[length] { length = borders[length - 1] }
            if pattern[index] == pattern[length] { length += 1 }
            borders[index] = length
        }
        return borders
    }

    func occurrences(of text: String) -> Int {
        text.isEmpty
            ? unicodeScalars.count + 1
            : byteOccurrences(of: Array(text.utf8), in: Array(utf8), fromRight: false, limit: -1).count
    }

    func contains(text: String) -> Bool {
        text.isEmpty || !byteOccurrences(of: Array(text.utf8), in: Array(utf8), fromRight: false, limit: 1).isEmpty
    }

    /// `str.find` and `rfind`: in code points; nil when it is not there.
    func offset(of text: String, fromRight: Bool = false) -> Int? {
        if text.isEmpty { return fromRight ? unicodeScalars.count : 0 }
        let bytes = Array(utf8)
        return byteOccurrences(of: Array(text.utf8), in: bytes, fromRight: fromRight, limit: 1).first.map { place in
            bytes[..<place].count { $0 & 0xC0 != 0x80 }
        }
    }

    func starts(with prefix: String) -> Bool { utf8.starts(with: prefix.utf8) }
    func ends(with suffix: String) -> Bool { utf8.reversed().starts(with: suffix.utf8.reversed()) }
}
