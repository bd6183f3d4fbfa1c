/// A pattern of file names as shells write them: `*` is any text, with `/` in it too, `?` one character, `[a-c]` one of a set.
///
/// Cost: O(pattern * name).
struct NamePattern: Sendable {
    private enum Part {
        case character(Character)
        case any
        case anyText
        case oneOf([ClosedRange<Character>], isNegated: Bool)
    }

    private let parts: [Part]

    /// A pattern that ends in `/` is everything in that folder.
    init(_ text: String) {
        var characters = Array(text + (text.hasSuffix("/") ? "*" : ""))[...]
        var parts: [Part] = []
        while let character = characters.popFirst() {
            switch character {
            case "*": parts.append(.anyText)
            case "?": parts.append(.any)
            case "[":
                if let set = Self.set(&characters) { parts.append(set) } else { parts.append(.character("[")) }
            default: parts.append(.character(character))
            }
        }
        self.parts = parts
    }

    func matches(_ name: String) -> Bool {
        let name = Array(name)
        var (place, part) = (0, 0)
        // Where to go on when the text that the last `*` took was too short.
        var resume: (place: Int, part: Int)?
        while place < name.count {
            if part < parts.count, case .anyText = parts[part] {
                resume = (place, part + 1)
                part += 1
            } else if part < parts.count, Self.takes(parts[part], name[place]) {
                (place, part) = (place + 1, part + 1)
            } else if let last = resume {
                resume = (last.place + 1, last.part)
                (place, part) = (last.place + 1, last.part)
            } else {
                return false
            }
        }
        return parts[part...].allSatisfy { if case .anyText = $0 { true } else { false } }
    }

    private static func takes(_ part: Part, _ character: Character) -> Bool {
        switch part {
        case .character(let own): own == character
        case .any, .anyText: true
        case .oneOf(let ranges, let isNegated): ranges.contains { $0.contains(character) } != isNegated
        }
    }

    /// Nil, and nothing read, where no `]` ends the set.
    private static func set(_ rest: inout ArraySlice<Character>) -> Part? {
        var inner = rest
        let isNegated = inner.first == "!" || inner.first == "^"
        if isNegated { inner.removeFirst() }
        guard let end = inner.dropFirst().firstIndex(of: "]") else { return nil }
        var ranges: [ClosedRange<Character>] = []
        var place = inner.startIndex
        while place < end {
            if place + 2 < end, inner[place + 1] == "-", inner[place] <= inner[place + 2] {
                ranges.append(inner[place]...inner[place + 2])
                place += 3
            } else {
                ranges.append(inner[place]...inner[place])
                place += 1
            }
        }
        rest = inner[(end + 1)...]
        return .oneOf(ranges, isNegated: isNegated)
    }
}
