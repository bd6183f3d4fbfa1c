internal import JSON
internal import Models

extension ConfigurationReader {
    private static let mostInvocationTokens = 1024

    /// `alora_invocation_tokens`; empty when it is not there. Errors: `malformed`, `otherBase` for a token that the base does not have.
    func invocation(of base: DecoderConfiguration) throws(AdapterError) -> [Int32] {
        let key = "alora_invocation_tokens"
        let tokens = try read(key) { (cursor) throws(JSONError) -> [Int] in
            var tokens: [Int] = []
            for element in try cursor.optionalArray() ?? [] { tokens.append(try element.int()) }
            return tokens
        }
        return try Self.invocation(tokens, of: base, file: AdapterFile.configuration, key: key)
    }

    /// The same of another file.
    static func invocation(_ tokens: [Int], of base: DecoderConfiguration, file: String, key: String) throws(AdapterError) -> [Int32] {
        guard tokens.count <= mostInvocationTokens else {
            throw AdapterError(.limitExceeded, "\(tokens.count) tokens; at most \(mostInvocationTokens) are read", file: file, key: key)
        }
        if let other = tokens.first(where: { $0 < 0 || $0 >= base.vocabulary }) {
            throw AdapterError(.otherBase, "token \(other); \(base.name) has the tokens 0 to \(base.vocabulary - 1)", file: file, key: key)
        }
        return tokens.map { Int32($0) }
    }
}
