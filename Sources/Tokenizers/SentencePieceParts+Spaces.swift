import JSON

extension SentencePieceParts {
    /// How a `tokenizer.json` marks spaces, where it puts one that the text does not have, and what its decoder takes away again.
    ///
    /// Marking is the normalizer's work (a `Replace`, after a `Prepend` or alone) or the pre-tokenizer's (`Metaspace`). Errors:
    /// `unsupported` for other steps.
    mutating func readSpaces(_ root: JSONCursor) throws {
        marking.isNormalizers = try readNormalizer(root["normalizer"])
        guard try readPreTokenizer(root["pre_tokenizer"]) || marking.isNormalizers else {
            throw root["normalizer"].unsupported("nothing that marks spaces", "\(Self.supportedNormalizers), or a Metaspace pre-tokenizer")
        }
        // Without a decoder a text comes back without the space that was put before it.
        leadingDrop = marking.leading == .never ? .nothing : .oneSpace
        if root["decoder"].exists { leadingDrop = try Self.leadingDrop(root["decoder"]) }
    }

    private static let supportedNormalizers = "a Replace of ‘ ’ by ‘\(SpaceMark.text)’, after a Prepend of ‘\(SpaceMark.text)’ or alone"

    /// Whether it marks spaces.
    private mutating func readNormalizer(_ normalizer: JSONCursor) throws -> Bool {
        let supported = Self.supportedNormalizers
        guard normalizer.exists else { return false }
        var steps = [normalizer]
        if try normalizer["type"].string() == "Sequence" { steps = try normalizer["normalizers"].array() }
        if steps.isEmpty { return false }
        if steps.count > 1, let first = steps.first, try first["type"].string() == "Prepend" {
            let content = try first["prepend"].string()
            guard content == SpaceMark.text else { throw first["prepend"].unsupported("a Prepend of ‘\(content)’", supported) }
            marking.leading = .prepended
            steps.removeFirst()
        }
        guard steps.count == 1, let step = steps.first else { throw normalizer.unsupported("\(steps.count) steps", supported) }
        let kind = try step["type"].string()
        guard kind == "Replace" else { throw step["type"].unsupported("the normalizer ‘\(kind)’", supported) }
        let (pattern, content) = (try step["pattern"]["String"].string(), try step["content"].string())
        guard pattern == " ", content == SpaceMark.text else {
            throw step.unsupported("a Replace of ‘\(pattern)’ by ‘\(content)’", supported)
        }
        return true
    }

    /// Whether it marks spaces. Cutting at spaces is none where the normalizer has left no space.
    private mutating func readPreTokenizer(_ preTokenizer: JSONCursor) throws -> Bool {
        guard preTokenizer.exists else { return false }
        switch try preTokenizer["type"].string() {
        case "Split" where try preTokenizer["pattern"]["String"].optionalString() == " ":
            return false
        case "Metaspace":
            let scheme = try Self.scheme(preTokenizer)
            guard marking.leading != .prepended else { throw preTokenizer["type"].unsupported("Metaspace after a Prepend", "one of the two") }
            marking.leading = scheme
            cutsAtMarks = try preTokenizer["split"].optionalBool() ?? true
            return true
        case let kind:
            throw preTokenizer["type"].unsupported("the pre-tokenizer ‘\(kind)’", "none, a Split at ‘ ’, Metaspace")
        }
    }

    private static func scheme(_ metaspace: JSONCursor) throws -> LeadingSpace {
        let replacement = try metaspace["replacement"].optionalString() ?? SpaceMark.text
        guard replacement == SpaceMark.text else {
            throw metaspace["replacement"].unsupported("‘\(replacement)’", "‘\(SpaceMark.text)’")
        }
        let scheme: LeadingSpace
        switch try metaspace["prepend_scheme"].optionalString() ?? "always" {
        case "always": scheme = .always
        case "first": scheme = .first
        case "never": scheme = .never
        case let other: throw metaspace["prepend_scheme"].unsupported("‘\(other)’", "always, first, never")
        }
        guard try metaspace["add_prefix_space"].optionalBool() ?? true || scheme == .never else {
            throw metaspace["add_prefix_space"].invalid("false contradicts the prepend_scheme, which is not ‘never’")
        }
        return scheme
    }

    private static func leadingDrop(_ decoder: JSONCursor) throws -> LeadingDrop {
        let steps = try decoder["type"].string() == "Sequence" ? decoder["decoders"].array() : [decoder]
        var drop = LeadingDrop.nothing
        var isFused = false
        for step in steps {
            let kind = try step["type"].string()
            switch kind {
            case "ByteFallback": break
            case "Fuse": isFused = true
            case "Replace" where try step["pattern"]["String"].optionalString() == SpaceMark.text
                && step["content"].optionalString() == " ": break
            // Before the pieces are fused it would act on each of them.
            case "Strip" where try isFused && step["content"].optionalString() == " "
                && step["start"].optionalInt(in: 0...1) == 1 && step["stop"].optionalInt(in: 0...1) == 0: drop = .oneSpace
            case "Metaspace" where !isFused: drop = try scheme(step) == .never ? .nothing : .marksOfFirstToken
            default:
                throw step["type"].unsupported(
                    "the decoder ‘\(kind)’", "ByteFallback, Fuse, a Replace of ‘\(SpaceMark.text)’ by ‘ ’, Metaspace, and a Strip of one "
                        + "space at the start behind a Fuse")
            }
        }
        return drop
    }
}
