/// The inside of `{{ }}` and `{% %}`.
extension Lexer {
    /// Reads tokens up to the tag's end. Inside brackets its characters are operators: `{{ {'a': {}} }}`.
    mutating func readExpression(closedBy closer: Unicode.Scalar, openedAt tag: Int) throws(TemplateError) {
        var brackets: [Unicode.Scalar] = []
        while let next = scalar(index) {
            if brackets.isEmpty, let (end, sign) = tagEnd(closer) {
                emit(closer == "}" ? .outputEnd : .statementEnd, at: index)
                return leaveTag(at: end, sign: sign, trimsNewline: closer == "%")
            }
            if isPythonSpace(next) {
                index += 1
            } else if isDigit(next) {
                try readNumber()
            } else if isNameStart(next) {
                try readName()
            } else if next == "'" || next == "\"" {
                try readString(next)
            } else {
                try readSymbol(&brackets)
            }
        }
        throw TemplateError(.syntax, "this tag has no end", at: position(tag))
    }

    /// The offset of `%}` or `}}` and the sign before it, when the tag ends here.
    private func tagEnd(_ closer: Unicode.Scalar) -> (end: Int, sign: Unicode.Scalar?)? {
        var end = index
        var sign: Unicode.Scalar?
        if let first = scalar(index), first == "-" || (first == "+" && closer == "%") {
            sign = first
            end += 1
        }
        return scalar(end) == closer && scalar(end + 1) == "}" ? (end, sign) : nil
    }

    private mutating func readSymbol(_ brackets: inout [Unicode.Scalar]) throws(TemplateError) {
        let start = index
        var found: Token.Symbol?
        if index + 1 < scalars.count {
            found = Token.Symbol(rawValue: String(Character(scalars[index])) + String(Character(scalars[index + 1])))
        }
        found = found ?? Token.Symbol(rawValue: String(Character(scalars[index])))
        guard let symbol = found else {
            throw TemplateError(.syntax, "unexpected character '\(scalars[index])'", at: position(index))
        }
        switch symbol {
        case .leftBrace: brackets.append("}")
        case .leftBracket: brackets.append("]")
        case .leftParenthesis: brackets.append(")")
        case .rightBrace, .rightBracket, .rightParenthesis:
            guard let expected = brackets.popLast() else {
                throw TemplateError(.syntax, "unexpected '\(symbol.rawValue)'", at: position(index))
            }
            guard expected == scalars[index] else {
                throw TemplateError(
                    .syntax, "unexpected '\(symbol.rawValue)', expected '\(expected)'", at: position(index))
            }
        default: break
        }
        index += symbol.rawValue.unicodeScalars.count
        emit(.symbol(symbol), at: start)
    }

    private mutating func readName() throws(TemplateError) {
        let start = index
        while let next = scalar(index), isNameStart(next) || next.properties.isXIDContinue { index += 1 }
        guard index - start <= Self.longestName else {
            throw TemplateError(.limitExceeded, "a name is longer than \(Self.longestName) characters", at: position(start))
        }
        emit(.name(string(start..<index)), at: start)
    }

    // MARK: Numbers

    private mutating func readNumber() throws(TemplateError) {
        let start = index
        let afterDot = start > 0 && scalars[start - 1] == "."
        if scalars[index] == "0", let radix = radix(of: scalar(index + 1)) {
            index += 2
            let digits = takeDigits { Int(String(Character($0)), radix: radix) != nil }
            return try emitInteger(digits, radix: radix, at: start)
        }
        let whole = takeDigits(isDigit)
        var text = whole
        var isFloat = false
        if !afterDot, scalar(index) == ".", let next = scalar(index + 1), isDigit(next) {
            index += 1
            text += "." + takeDigits(isDigit)
            isFloat = true
        }
        if !afterDot, let exponent = scalar(index), exponent == "e" || exponent == "E" {
            let signed = scalar(index + 1) == "+" || scalar(index + 1) == "-"
            if let digit = scalar(index + (signed ? 2 : 1)), isDigit(digit) {
                text += "e" + (signed ? String(Character(scalars[index + 1])) : "")
                index += signed ? 2 : 1
                text += takeDigits(isDigit)
                isFloat = true
            }
        }
        if isFloat {
            emit(.number(Double(text) ?? .infinity), at: start)
        } else {
            try emitInteger(whole, radix: 10, at: start)
        }
    }

    private func radix(of scalar: Unicode.Scalar?) -> Int? {
        switch scalar {
        case "b", "B": 2
        case "o", "O": 8
        case "x", "X": 16
        default: nil
        }
    }

    /// Digits with underscores between them.
    private mutating func takeDigits(_ accepts: (Unicode.Scalar) -> Bool) -> String {
        var digits = ""
        while let next = scalar(index) {
            if accepts(next) {
                digits.unicodeScalars.append(next)
            } else if next == "_", let after = scalar(index + 1), accepts(after) {
                // A separator.
            } else {
                break
            }
            index += 1
        }
        return digits
    }

    private mutating func emitInteger(_ digits: String, radix: Int, at start: Int) throws(TemplateError) {
        guard let value = Int(digits, radix: radix) else {
            let message = digits.isEmpty ? "this number has no digits" : "this integer does not fit 64 bits"
            throw TemplateError(.syntax, message, at: position(start))
        }
        emit(.integer(value), at: start)
    }

    // MARK: Strings

    private mutating func readString(_ quote: Unicode.Scalar) throws(TemplateError) {
        let start = index
        index += 1
        var text = String.UnicodeScalarView()
        while let next = scalar(index) {
            index += 1
            if next == quote { return emit(.string(String(text)), at: start) }
            if next == "\\" { try readEscape(into: &text) } else { text.append(next) }
        }
        throw TemplateError(.syntax, "this string has no end", at: position(start))
    }

    /// Python's escapes; an unknown one stays as it is, backslash included.
    private mutating func readEscape(into text: inout String.UnicodeScalarView) throws(TemplateError) {
        let start = index - 1
        guard let kind = scalar(index) else { return }
        index += 1
        switch kind {
        case "\n": break
        case "\\", "'", "\"": text.append(kind)
        case "a": text.append("\u{07}")
        case "b": text.append("\u{08}")
        case "f": text.append("\u{0C}")
        case "n": text.append("\n")
        case "r": text.append("\r")
        case "t": text.append("\t")
        case "v": text.append("\u{0B}")
        case "0"..."7":
            var value = kind.value - 48
            var digits = 1
            while digits < 3, let next = scalar(index), ("0"..."7").contains(next) {
                value = value * 8 + next.value - 48
                index += 1
                digits += 1
            }
            try append(value, to: &text, at: start)
        case "x": try append(hexadecimal(2, at: start), to: &text, at: start)
        case "u": try append(hexadecimal(4, at: start), to: &text, at: start)
        case "U": try append(hexadecimal(8, at: start), to: &text, at: start)
        case "N": throw TemplateError(.syntax, "named characters (\\N) are not supported", at: position(start))
        default:
            text.append("\\")
            text.append(kind)
        }
    }

    private mutating func hexadecimal(_ count: Int, at start: Int) throws(TemplateError) -> UInt32 {
        let end = min(index + count, scalars.count)
        let digits = string(index..<end)
        guard digits.unicodeScalars.count == count, digits.utf8.allSatisfy({ isHexadecimal($0) }),
            let value = UInt32(digits, radix: 16)
        else { throw TemplateError(.syntax, "this escape needs \(count) hexadecimal digits", at: position(start)) }
        index = end
        return value
    }

    private func append(
        _ value: UInt32, to text: inout String.UnicodeScalarView, at start: Int
    ) throws(TemplateError) {
        guard let scalar = Unicode.Scalar(value) else {
            throw TemplateError(.syntax, "this escape is not a character", at: position(start))
        }
        text.append(scalar)
    }

    private func string(_ range: Range<Int>) -> String {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars[range])
        return String(text)
    }

    private func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

    private func isHexadecimal(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
        default: false
        }
    }

    private func isNameStart(_ scalar: Unicode.Scalar) -> Bool { scalar == "_" || scalar.properties.isXIDStart }
}
