internal import Tensors

/// The parts of an adapter that turn messages into prompts and end answers.
public struct AdapterPrompting: Sendable, Hashable {
    public var templates: AdapterTemplates?
    public var tokens: AdapterTokens

    public init(templates: AdapterTemplates? = nil, tokens: AdapterTokens = .init()) {
        self.templates = templates
        self.tokens = tokens
    }

    static func read(_ directory: AdapterDirectory, limits: AdapterLimits) throws(AdapterError) -> AdapterPrompting {
        AdapterPrompting(
            templates: try AdapterTemplates.read(directory, limits: limits), tokens: try AdapterTokens.read(directory, limits: limits))
    }

    /// Hashes of the parts that are there, in a fixed order, as they change what the adapter answers.
    var digests: [ContentDigest] {
        var digests = [ContentDigest(of: templates?.standard.map { "template \($0)" } ?? "no template")]
        if let tools = templates?.tools { digests.append(ContentDigest(of: "tools \(tools)")) }
        if !tokens.isEmpty {
            let (end, begin) = (tokens.endOfSequence ?? "", tokens.beginOfSequence ?? "")
            digests.append(ContentDigest(of: "tokens \(end.utf8.count) \(end) \(begin.utf8.count) \(begin) \(tokens.endIDs)"))
            for token in tokens.added {
                digests.append(
                    ContentDigest(of: "added \(token.id) \(token.isSpecial) \(token.isSingleWord) \(token.stripsLeft) \(token.stripsRight) \(token.content)"))
            }
        }
        return digests
    }
}

/// Checks what an adapter brings for its prompts: its template renders a conversation, its tokens are in the base's vocabulary.
/// The caller of `AdapterStore.init` passes it, because this module has no template engine and no tokenizer. Returns remarks for a
/// person. Errors: `malformed`, `unsupported`: the adapter is refused.
public typealias PromptingCheck = @Sendable (AdapterPrompting) throws(AdapterError) -> [String]
