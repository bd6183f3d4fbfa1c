import Synchronization

/// Classes of characters that expressions name.
enum CharacterClass {
    static let anyInLine = ScalarSet([0x0A...0x0A, 0x0D...0x0D, 0x2028...0x2029]).inverted
    static let digits = ScalarSet([0x30...0x39])
    static let word = ScalarSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
    static let space = ScalarSet([
        0x09...0x0D, 0x20...0x20, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029, 0x202F...0x202F, 0x205F...0x205F,
        0x3000...0x3000, 0xFEFF...0xFEFF,
    ])

    private static let categories = Mutex<[String: ScalarSet]>([:])

    /// The members of a general category, or of a group of them, by its short or long name. nil: no such category.
    ///
    /// The first use of each looks at all characters, which takes some ten milliseconds.
    static func category(_ name: String) -> ScalarSet? {
        guard let wanted = members[shortNames[name] ?? name] else { return nil }
        return categories.withLock { known in
            if let set = known[name] { return set }
            var ranges: [ClosedRange<UInt32>] = []
            var start: UInt32?
            for value in 0...ScalarSet.maximum + 1 {
                let isMember = Unicode.Scalar(value).map { wanted.contains($0.properties.generalCategory) } ?? false
                if isMember, start == nil { start = value }
                if !isMember, let first = start {
                    ranges.append(first...value - 1)
                    start = nil
                }
            }
            let set = ScalarSet(ranges)
            known[name] = set
            return set
        }
    }

    private static let members: [String: Set<Unicode.GeneralCategory>] = [
        "L": [.uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter],
        "Lu": [.uppercaseLetter], "Ll": [.lowercaseLetter], "Lt": [.titlecaseLetter], "Lm": [.modifierLetter], "Lo": [.otherLetter],
        "M": [.nonspacingMark, .spacingMark, .enclosingMark], "Mn": [.nonspacingMark], "Mc": [.spacingMark], "Me": [.enclosingMark],
        "N": [.decimalNumber, .letterNumber, .otherNumber], "Nd": [.decimalNumber], "Nl": [.letterNumber], "No": [.otherNumber],
        "P": [
            .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation, .finalPunctuation,
            .otherPunctuation,
        ],
        "Pd": [.dashPunctuation], "Ps": [.openPunctuation], "Pe": [.closePunctuation], "Pc": [.connectorPunctuation],
        "Po": [.otherPunctuation], "S": [.mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol], "Sm": [.mathSymbol],
        "Sc": [.currencySymbol], "Sk": [.modifierSymbol], "So": [.otherSymbol], "Z": [.spaceSeparator, .lineSeparator, .paragraphSeparator],
        "Zs": [.spaceSeparator], "Cc": [.control],
    ]

    private static let shortNames = [
        "Letter": "L", "Uppercase_Letter": "Lu", "Lowercase_Letter": "Ll", "Mark": "M", "Number": "N", "Decimal_Number": "Nd", "digit": "Nd",
        "Punctuation": "P", "punct": "P", "Symbol": "S", "Separator": "Z", "Space_Separator": "Zs", "Control": "Cc", "cntrl": "Cc",
        "Lowercase": "Ll", "Uppercase": "Lu", "Alphabetic": "L", "Other_Letter": "Lo",
    ]
}

extension ScalarSet {
    /// Its only member.
    var single: UInt32? {
        guard ranges.count == 1, ranges[0].lowerBound == ranges[0].upperBound else { return nil }
        return ranges[0].lowerBound
    }
}
