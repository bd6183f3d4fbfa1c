/// How a text is cut into words before merging: each case is one regular expression of a family of models, written as a
/// scan. Every position is read a bounded number of times, so any text costs `O(bytes)`.
enum WordPattern: Sendable, Equatable {
    /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
    case gpt2
    /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
    /// with `{1,3}` as given: 3 in Llama 3, 1 (written without braces) in Qwen 2.
    case llama(digits: Int)
    /// Words begin anew at a capital: `[^\r\n\p{L}\p{N}]?U*L+|[^\r\n\p{L}\p{N}]?U+L*|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
    /// with U and L as `ScalarFlags` has them. GPT-4o has contractions behind a word, Mistral's tekken single digits.
    case cased(digits: Int, contractions: Bool)

    static let llama3 = WordPattern.llama(digits: 3)
    static let qwen2 = WordPattern.llama(digits: 1)
    static let gpt4o = WordPattern.cased(digits: 3, contractions: true)
    static let tekken = WordPattern.cased(digits: 1, contractions: false)

    /// The patterns as `tokenizer.json` spells them.
    static let expressions: [(expression: String, pattern: WordPattern)] = [
        (#"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#, .gpt2),
        (llama(#"\p{N}{1,3}"#), .llama3),
        (llama(#"\p{N}"#), .qwen2),
        (cased(#"\p{N}{1,3}"#, #"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"#), .gpt4o),
        (cased(#"\p{N}"#, ""), .tekken),
    ]

    private static func llama(_ digits: String) -> String {
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + digits
            + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    }

    private static func cased(_ digits: String, _ contractions: String) -> String {
        let (before, upper, lower) = (#"[^\r\n\p{L}\p{N}]?"#, #"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#, #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#)
        return "\(before)\(upper)*\(lower)+\(contractions)|\(before)\(upper)+\(lower)*\(contractions)|\(digits)"
            + #"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    }

    /// The end of the word that begins at `start`, in a text that ends at `limit` (`start < limit`).
    @inline(__always)
    func end(from start: Int, limit: Int, in text: UTF8Text) -> Int {
        switch self {
        case .gpt2: Self.gpt2End(from: start, limit: limit, in: text)
        case .llama(let digits): Self.llamaEnd(from: start, limit: limit, in: text, digits: digits)
        case .cased(let digits, let contractions):
            Self.casedEnd(from: start, limit: limit, in: text, digits: digits, contractions: contractions)
        }
    }

    private static func gpt2End(from start: Int, limit: Int, in text: UTF8Text) -> Int {
        if text.bytes[start] == UInt8(ascii: "'"),
            let end = contractionEnd(from: start, limit: limit, in: text, ignoringCase: false)
        {
            return end
        }
        var (flags, length) = text.flags(at: start)
        var body = start
        if text.bytes[start] == UInt8(ascii: " "), start + 1 < limit {
            let next = text.flags(at: start + 1)
            if !next.flags.contains(.space) {
                (flags, length) = next
                body = start + 1
            }
        }
        if flags.contains(.letter) { return text.end(of: .letter, from: body + length, limit: limit) }
        if flags.contains(.number) { return text.end(of: .number, from: body + length, limit: limit) }
        if flags.contains(.space) { return spaceEnd(from: start, limit: limit, in: text).end }
        return otherEnd(from: body + length, limit: limit, in: text)
    }

    private static func llamaEnd(from start: Int, limit: Int, in text: UTF8Text, digits: Int) -> Int {
        let first = text.bytes[start]
        if first == UInt8(ascii: "'"),
            let end = contractionEnd(from: start, limit: limit, in: text, ignoringCase: true)
        {
            return end
        }
        let (flags, length) = text.flags(at: start)
        let second = start + length
        if flags.contains(.letter) { return text.end(of: .letter, from: second, limit: limit) }
        if flags.contains(.number) {
            return numberEnd(from: start, limit: limit, in: text, digits: digits)
        }
        let next = second < limit ? text.flags(at: second) : (ScalarFlags.space, 0)
        if next.0.contains(.letter), first != UInt8(ascii: "\r"), first != UInt8(ascii: "\n") {
            return text.end(of: .letter, from: second + next.1, limit: limit)
        }
        if flags.contains(.space) && !(first == UInt8(ascii: " ") && next.0.isOther) {
            let spaces = spaceEnd(from: start, limit: limit, in: text)
            return spaces.newlineEnd ?? spaces.end
        }
        var end = otherEnd(from: second, limit: limit, in: text)
        while end < limit, isNewline(text.bytes[end]) { end += 1 }
        return end
    }

    static func numberEnd(from start: Int, limit: Int, in text: UTF8Text, digits: Int) -> Int {
        var end = start
        for _ in 0..<digits where end < limit {
            let next = text.flags(at: end)
            guard next.flags.contains(.number) else { break }
            end += next.length
        }
        return end
    }

    static func otherEnd(from index: Int, limit: Int, in text: UTF8Text) -> Int {
        var end = index
        while end < limit {
            let next = text.flags(at: end)
            guard next.flags.isOther else { break }
            end += next.length
        }
        return end
    }

    /// The end of `\s+(?!\S)|\s+`: a run of spaces leaves its last one to the word behind it. And the end of
    /// `\s*[\r\n]+`, where the run holds a newline.
    static func spaceEnd(from start: Int, limit: Int, in text: UTF8Text) -> (end: Int, newlineEnd: Int?) {
        var end = start
        var last = start
        var newlineEnd: Int?
        while end < limit {
            let next = text.flags(at: end)
            guard next.flags.contains(.space) else { break }
            last = end
            end += next.length
            if isNewline(text.bytes[last]) { newlineEnd = end }
        }
        return (end == limit || last == start ? end : last, newlineEnd)
    }

    /// The end of one of `'s 't 're 've 'm 'll 'd`. The only letter beyond ASCII that equals one of these when case is
    /// ignored is the long s, U+017F.
    static func contractionEnd(from start: Int, limit: Int, in text: UTF8Text, ignoringCase: Bool) -> Int? {
        func letter(_ index: Int) -> UInt8 {
            guard index < limit else { return 0 }
            let byte = text.bytes[index]
            return ignoringCase && byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
        }
        switch (letter(start + 1), letter(start + 2)) {
        case (UInt8(ascii: "s"), _), (UInt8(ascii: "t"), _), (UInt8(ascii: "m"), _), (UInt8(ascii: "d"), _):
            return start + 2
        case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
            (UInt8(ascii: "l"), UInt8(ascii: "l")):
            return start + 3
        case (0xC5, 0xBF) where ignoringCase:
            return start + 3
        default:
            return nil
        }
    }

    @inline(__always)
    static func isNewline(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "\n") }
}
