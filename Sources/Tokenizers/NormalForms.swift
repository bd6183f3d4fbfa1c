/// Canonical decomposition and composition (Unicode Standard Annex 15) by the reference's tables.
struct NormalForms: Sendable {
    static let shared = NormalForms()

    private let combiningClasses = ScalarTable(runs: UnicodeTables.combiningClasses)
    /// One step of the decomposition of a scalar: only its first part may decompose further.
    private let decompositions: [UInt32: [UInt32]]
    /// `first << 32 | second` to their composition.
    private let compositions: [UInt64: UInt32]

    private init() {
        var decompositions: [UInt32: [UInt32]] = [:]
        var compositions: [UInt64: UInt32] = [:]
        for entry in UnicodeTables.decompositions.utf8.split(whereSeparator: { $0 == 0x20 || $0 == 0x0A }) {
            let parts = entry.split(whereSeparator: { $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: "!") })
            let scalar = HexText.number(parts[0])
            let targets = parts[1].split(separator: UInt8(ascii: ".")).map { HexText.number($0) }
            decompositions[scalar] = targets
            if entry.contains(UInt8(ascii: "=")) { compositions[UInt64(targets[0]) << 32 | UInt64(targets[1])] = scalar }
        }
        self.decompositions = decompositions
        self.compositions = compositions
    }

    /// Scalars below are their own decomposition and never combine with the scalar before them.
    static let firstThatComposes: UInt32 = 0x300
    static let firstThatDecomposes: UInt32 = 0xC0

    func combiningClass(_ scalar: UInt32) -> UInt16 { scalar < 0x300 ? 0 : combiningClasses[scalar] }

    /// Appends the full decomposition; marks are not sorted yet.
    func decompose(_ scalar: UInt32, into scalars: inout [UInt32]) {
        if scalar < Self.firstThatDecomposes { return scalars.append(scalar) }
        if scalar &- Hangul.syllables < Hangul.count { return Hangul.decompose(scalar, into: &scalars) }
        guard var step = decompositions[scalar] else { return scalars.append(scalar) }
        var rest = step.dropFirst()
        while let next = decompositions[step[0]] {
            step = next
            rest = next.dropFirst() + rest
        }
        scalars.append(step[0])
        scalars += rest
    }

    /// Sorts each run of marks by class, marks of one class in their order. Cost: `O(n log n)` in the longest run.
    func sortMarks(_ scalars: inout [UInt32]) {
        var index = 0
        while index < scalars.count {
            guard combiningClass(scalars[index]) != 0 else {
                index += 1
                continue
            }
            var end = index
            var previous: UInt16 = 0
            var isSorted = true
            while end < scalars.count {
                let current = combiningClass(scalars[end])
                if current == 0 { break }
                if current < previous { isSorted = false }
                previous = current
                end += 1
            }
            if !isSorted {
                let sorted = scalars[index..<end].enumerated().sorted {
                    (combiningClass($0.element), $0.offset) < (combiningClass($1.element), $1.offset)
                }
                for (offset, mark) in sorted.enumerated() { scalars[index + offset] = mark.element }
            }
            index = end
        }
    }

    /// Composes sorted, decomposed scalars in place.
    func compose(_ scalars: inout [UInt32]) {
        var count = 0
        var starter: Int?
        // Class of the last scalar kept behind the starter; -1 when there is none.
        var lastClass = -1
        for index in scalars.indices {
            let scalar = scalars[index]
            let currentClass = Int(combiningClass(scalar))
            if let place = starter, lastClass < currentClass || lastClass == -1,
                let composed = composition(scalars[place], scalar)
            {
                scalars[place] = composed
                continue
            }
            scalars[count] = scalar
            if currentClass == 0 {
                starter = count
                lastClass = -1
            } else {
                lastClass = currentClass
            }
            count += 1
        }
        scalars.removeSubrange(count...)
    }

    private func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
        Hangul.compose(first, second) ?? compositions[UInt64(first) << 32 | UInt64(second)]
    }
}

/// Hangul syllables are composed by arithmetic (Unicode Standard, 3.12).
private enum Hangul {
    static let syllables: UInt32 = 0xAC00
    static let count: UInt32 = 11172
    private static let leading: UInt32 = 0x1100
    private static let vowels: UInt32 = 0x1161
    private static let trailing: UInt32 = 0x11A7

    static func decompose(_ syllable: UInt32, into scalars: inout [UInt32]) {
        let index = syllable - syllables
        scalars.append(leading + index / 588)
        scalars.append(vowels + index % 588 / 28)
        if index % 28 != 0 { scalars.append(trailing + index % 28) }
    }

    static func compose(_ first: UInt32, _ second: UInt32) -> UInt32? {
        if first &- leading < 19, second &- vowels < 21 {
            return syllables + (first - leading) * 588 + (second - vowels) * 28
        }
        if first &- syllables < count, (first - syllables) % 28 == 0, second &- (trailing + 1) < 27 {
            return first + (second - trailing)
        }
        return nil
    }
}

/// How a text is normalized before it is cut into words.
enum Normalizer: Sendable, Equatable {
    case none
    case composed
    /// SentencePiece's: `▁` for each space.
    case markedSpaces
    /// The same, and a mark before a text that is not empty: its first word is read as if a space stood before it.
    case markedSpacesAndStart

    /// The normalized text, or nil where nothing changes.
    func normalize(_ range: Range<Int>, in text: UTF8Text) -> [UInt8]? {
        switch self {
        case .none: return nil
        case .composed: return composed(range, in: text)
        case .markedSpaces: return SpaceMark.mark(text.bytes[range])
        case .markedSpacesAndStart:
            guard !range.isEmpty else { return nil }
            return SpaceMark.bytes + (SpaceMark.mark(text.bytes[range]) ?? Array(text.bytes[range]))
        }
    }

    private func composed(_ range: Range<Int>, in text: UTF8Text) -> [UInt8]? {
        // Every scalar from U+0300 on begins with a byte from 0xCC on.
        guard text.bytes[range].contains(where: { $0 >= 0xCC }) else { return nil }
        var scalars: [UInt32] = []
        scalars.reserveCapacity(range.count)
        var index = range.lowerBound
        while index < range.upperBound {
            let (scalar, length) = text.scalar(at: index)
            NormalForms.shared.decompose(scalar, into: &scalars)
            index += length
        }
        NormalForms.shared.sortMarks(&scalars)
        NormalForms.shared.compose(&scalars)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(range.count)
        for scalar in scalars { appendScalar(scalar, to: &bytes) }
        return bytes
    }
}

extension Normalizer {
    /// The normalized bytes of a text of its own.
    func normalize(_ text: String) -> [UInt8] {
        var text = text
        return text.withUTF8 { bytes in normalize(0..<bytes.count, in: UTF8Text(bytes)) ?? Array(bytes) }
    }
}
