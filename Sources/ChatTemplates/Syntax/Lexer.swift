/// Cuts a template's source into tokens and applies Jinja's whitespace rules with `trim_blocks` and `lstrip_blocks` on:
/// the newline after a statement or comment goes, and so do the spaces before one that starts its line; `-` takes all
/// whitespace on its side, `+` keeps it.
struct Lexer {
    let scalars: [Unicode.Scalar]
    private let lineStarts: [Int]
    /// Characters of a variable's or attribute's name. Looking up a long one takes time at every use.
    static let longestName = 1000
    var index = 0
    var produced: [Token] = []

    init(_ source: String) {
        var scalars: [Unicode.Scalar] = []
        scalars.reserveCapacity(source.utf8.count)
        var lineStarts = [0]
        // Every kind of line end becomes "\n", and one at the very end does not count.
        var afterReturn = false
        for scalar in source.unicodeScalars {
            if scalar == "\n", afterReturn {
                afterReturn = false
                continue
            }
            afterReturn = scalar == "\r"
            scalars.append(afterReturn ? "\n" : scalar)
            if scalars.last == "\n" { lineStarts.append(scalars.count) }
        }
        if scalars.last == "\n" { scalars.removeLast() }
        self.scalars = scalars
        self.lineStarts = lineStarts
    }

    func position(_ offset: Int) -> SourcePosition {
        var low = 0
        var high = lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineStarts[middle] <= offset { low = middle } else { high = middle }
        }
        return SourcePosition(line: low + 1, column: offset - lineStarts[low] + 1)
    }

    func scalar(_ offset: Int) -> Unicode.Scalar? {
        scalars.indices.contains(offset) ? scalars[offset] : nil
    }

    mutating func emit(_ kind: Token.Kind, at offset: Int) {
        produced.append(Token(kind: kind, position: position(offset)))
    }

    mutating func tokens() throws(TemplateError) -> [Token] {
        while index < scalars.count {
            let tag = nextTag(from: index)
            guard tag < scalars.count else {
                emitText(index..<tag)
                break
            }
            try readTag(at: tag, textFrom: index)
        }
        emit(.end, at: scalars.count)
        return produced
    }

    private func nextTag(from start: Int) -> Int {
        var offset = start
        while offset + 1 < scalars.count {
            if scalars[offset] == "{", ["{", "%", "#"].contains(scalars[offset + 1]) { return offset }
            offset += 1
        }
        return scalars.count
    }

    private mutating func readTag(at tag: Int, textFrom start: Int) throws(TemplateError) {
        let marker = scalars[tag + 1]
        let sign = sign(at: tag + 2)
        let inner = tag + (sign == nil ? 2 : 3)
        emitText(trimmed(start..<tag, before: sign, isOutput: marker == "{"))
        index = inner
        if marker == "#" {
            try skipComment(from: tag)
        } else if marker == "{" {
            emit(.outputStart, at: tag)
            try readExpression(closedBy: "}", openedAt: tag)
        } else if let content = rawContent(after: inner) {
            try readRaw(from: content, openedAt: tag)
        } else {
            emit(.statementStart, at: tag)
            try readExpression(closedBy: "%", openedAt: tag)
        }
    }

    private func sign(at offset: Int) -> Unicode.Scalar? {
        guard let scalar = scalar(offset), scalar == "-" || scalar == "+" else { return nil }
        return scalar
    }

    /// The text before a tag, without the white space that the tag's sign or `lstrip_blocks` removes.
    private func trimmed(_ text: Range<Int>, before sign: Unicode.Scalar?, isOutput: Bool) -> Range<Int> {
        var end = text.upperBound
        if sign == "-" {
            while end > text.lowerBound, isPythonSpace(scalars[end - 1]) { end -= 1 }
            return text.lowerBound..<end
        }
        guard sign == nil, !isOutput else { return text }
        while end > text.lowerBound, scalars[end - 1] != "\n", isPythonSpace(scalars[end - 1]) { end -= 1 }
        // The newline that starts this line may have been consumed before the text.
        let startsLine = end == 0 || scalars[end - 1] == "\n"
        return startsLine ? text.lowerBound..<end : text
    }

    private mutating func emitText(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars[range])
        emit(.text(String(text)), at: range.lowerBound)
    }

    /// Moves past the end of a tag, of which `sign` is the character before `%}`, `#}` or `}}`.
    mutating func leaveTag(at end: Int, sign: Unicode.Scalar?, trimsNewline: Bool) {
        index = end + 2
        if sign == "-" {
            while let next = scalar(index), isPythonSpace(next) { index += 1 }
        } else if sign == nil, trimsNewline, scalar(index) == "\n" {
            index += 1
        }
    }

    private mutating func skipComment(from tag: Int) throws(TemplateError) {
        var end = index
        while end + 1 < scalars.count, !(scalars[end] == "#" && scalars[end + 1] == "}") { end += 1 }
        guard end + 1 < scalars.count else {
            throw TemplateError(.syntax, "this comment has no end", at: position(tag))
        }
        leaveTag(at: end, sign: end > index ? sign(at: end - 1) : nil, trimsNewline: true)
    }

    // MARK: Raw text

    /// Where the content of `{% raw %}` starts, when the tag whose code starts at `offset` is one.
    private func rawContent(after offset: Int) -> Int? {
        guard var cursor = keyword("raw", after: offset) else { return nil }
        let strips = scalar(cursor) == "-"
        if strips { cursor += 1 }
        guard scalar(cursor) == "%", scalar(cursor + 1) == "}" else { return nil }
        cursor += 2
        while strips, let next = scalar(cursor), isPythonSpace(next) { cursor += 1 }
        return cursor
    }

    /// Past the keyword and the spaces around it; nil when something else is there.
    private func keyword(_ word: String, after offset: Int) -> Int? {
        var cursor = offset
        while let next = scalar(cursor), isPythonSpace(next) { cursor += 1 }
        for expected in word.unicodeScalars {
            guard scalar(cursor) == expected else { return nil }
            cursor += 1
        }
        while let next = scalar(cursor), isPythonSpace(next) { cursor += 1 }
        return cursor
    }

    private mutating func readRaw(from content: Int, openedAt tag: Int) throws(TemplateError) {
        var close = content
        while close + 1 < scalars.count {
            if scalars[close] == "{", scalars[close + 1] == "%" {
                let opening = sign(at: close + 2)
                if let cursor = keyword("endraw", after: close + (opening == nil ? 2 : 3)) {
                    let closing = sign(at: cursor)
                    let end = closing == nil ? cursor : cursor + 1
                    if scalar(end) == "%", scalar(end + 1) == "}" {
                        emitText(trimmed(content..<close, before: opening, isOutput: false))
                        leaveTag(at: end, sign: closing, trimsNewline: true)
                        return
                    }
                }
            }
            close += 1
        }
        throw TemplateError(.syntax, "'raw' has no 'endraw'", at: position(tag))
    }
}
