internal import JSON
internal import MergeMethods

/// The tokens of one tokenizer, as `tokenizer.json` has them.
struct TokenTable: Sendable {
    /// By token: the id, which is the row of embedding and head.
    private(set) var ids: [String: Int] = [:]
    /// Descriptions of added tokens, in the file's order.
    private(set) var added: [JSONValue] = []
    /// The file, for messages.
    let file: String

    /// More than any tokenizer has; ids beyond it are refused.
    static let mostTokens = 4 << 20

    /// Errors: `malformed` for a document without a vocabulary and for ids that are no row.
    init(_ document: JSONValue, file: String) throws(MergeError) {
        self.file = file
        let vocabulary = document["model"]?["vocab"]
        if let members = vocabulary?.objectValue {
            for (token, id) in members { try add(token, id.intValue) }
        } else if let pieces = vocabulary?.arrayValue {
            for (id, piece) in pieces.enumerated() {
                guard let token = piece[0]?.stringValue else { throw Self.malformed(file, "model.vocab[\(id)]") }
                try add(token, id)
            }
        } else {
            throw Self.malformed(file, "model.vocab")
        }
        added = document["added_tokens"]?.arrayValue ?? []
        for (index, token) in added.enumerated() {
            guard let content = token["content"]?.stringValue else { throw Self.malformed(file, "added_tokens[\(index)]") }
            try add(content, token["id"]?.intValue)
        }
    }

    /// One more than the greatest id.
    var rows: Int { (ids.values.max() ?? -1) + 1 }

    /// Tokens by id.
    var ordered: [(token: String, id: Int)] { ids.map { ($0.key, $0.value) }.sorted { ($0.1, $0.0) < ($1.1, $1.0) } }

    /// Only tokens whose row the model has.
    func cut(to rows: Int) -> TokenTable {
        var cut = self
        cut.ids = ids.filter { $0.value < rows }
        cut.added = added.filter { ($0["id"]?.intValue ?? 0) < rows }
        return cut
    }

    private mutating func add(_ token: String, _ id: Int?) throws(MergeError) {
        guard let id, 0..<Self.mostTokens ~= id else { throw Self.malformed(file, "the id of \(token.debugDescription)") }
        ids[token] = id
    }

    private static func malformed(_ file: String, _ place: String) -> MergeError {
        MergeError(.malformed, "no tokenizer that can be read: \(place) is missing or of another kind", file: file)
    }
}
