/// Where a SentencePiece tokenizer reads a text as if a space stood before it.
enum LeadingSpace: Sendable, Equatable {
    /// No mark but those of spaces.
    case never
    /// A mark before each text between added tokens, even before a space.
    case prepended
    /// A mark before each text between added tokens that has none.
    case always
    /// The same, only where a text begins.
    case first
}

/// How a SentencePiece tokenizer marks spaces, and where it puts a mark that no space made.
///
/// Two forms of `tokenizer.json` do it at different times. A normalizer (`Prepend`, `Replace`) does it before a text is cut at the added
/// tokens that are looked for in normalized text. A pre-tokenizer (`Metaspace`) does it after all cutting. GGUF files mean the first form.
struct SpaceMarking: Sendable, Equatable {
    var leading = LeadingSpace.never
    /// The normalizer marks spaces.
    var isNormalizers = true

    var normalizer: Normalizer {
        guard isNormalizers else { return .none }
        return leading == .prepended ? .markedSpacesAndStart : .markedSpaces
    }

    /// The same for a text that goes on another.
    var continuing: SpaceMarking { SpaceMarking(leading: .never, isNormalizers: isNormalizers) }

    /// A normalized text between added tokens as the pre-tokenizer leaves it. Nil: unchanged.
    func marked(_ text: Slice<UnsafeBufferPointer<UInt8>>, isFirst: Bool) -> [UInt8]? {
        let marked = isNormalizers ? nil : SpaceMark.mark(text)
        let isMissing = text.first != UInt8(ascii: " ") && !text.starts(with: SpaceMark.bytes)
        guard leading == .always || (leading == .first && isFirst), isMissing, !text.isEmpty else { return marked }
        return SpaceMark.bytes + (marked ?? Array(text))
    }
}

/// What decoding drops at the beginning of a text.
enum LeadingDrop: Sendable, Equatable {
    case nothing
    /// One space.
    case oneSpace
    /// Every mark of the first token, as the decoder `Metaspace` does.
    case marksOfFirstToken

    /// The bytes of a text's first token.
    func opening(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let space = UInt8(ascii: " ")
        return switch self {
        case .nothing: bytes
        case .oneSpace: bytes.first == space ? bytes.dropFirst() : bytes
        case .marksOfFirstToken: bytes.filter { $0 != space }[...]
        }
    }
}
