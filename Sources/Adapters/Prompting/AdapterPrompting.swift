internal import Tensors

/// What an adapter brings for turning messages into prompts and for ending answers.
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

    /// Of the parts that differ from none, in a fixed order: they change what the adapter answers.
    var digests: [ContentDigest] {
        var digests = [ContentDigest(of: templates?.standard.map { "template \($0)" } ?? "no template")]
        if let tools = templates?.tools { digests.append(ContentDigest(of: "tools \(tools)")) }
        if !tokens.isEmpty {
            let (end, begin) = (tokens.endOfSequence ?? "", tokens.beginOfSequence ?? "")
            digests.append(ContentDigest(of: "tokens \(end.utf8.count) \(end) \(begin.utf8.count) \(begin) \(tokens.endIDs)"))
        }
        return digests
    }
}

/// Whether what an adapter brings for its prompts works: its template renders a conversation, its tokens are in the base's vocabulary.
/// Whoever makes the store gives it, as template engine and tokenizer are no part of this module. Answers what a person should know
/// although nothing is wrong. Errors: `malformed`, `unsupported`: the adapter is refused.
public typealias PromptingCheck = @Sendable (AdapterPrompting) throws(AdapterError) -> [String]
