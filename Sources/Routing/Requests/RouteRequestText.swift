import Generation

/// The texts of one request that are embedded: turns with their weights. A long turn is reduced to the pieces in which a request stands.
struct RouteRequestText {
    struct Turn: Equatable {
        /// The last turn has 1.
        var weight: Double
        var pieces: [String]
    }

    /// The turn with the greatest weight comes first; never empty.
    let turns: [Turn]

    /// - Parameter encoderTokens: the longest text that the encoder takes whole.
    init(_ content: RouteQuestion.Content, policy: RequestPolicy, encoderTokens: Int) {
        let texts: [String] =
            switch (content, policy.text) {
            case (.text(let text), _): [text]
            // `Serving` has replaced token ids by their text before a router gets them.
            case (.tokens, _): [""]
            case (.messages(let messages), .template(let template)): [template.filled(messages)]
            case (.messages(let messages), .last): [Self.last(of: messages)]
            case (.messages(let messages), .conversation): Self.turns(of: messages, most: policy.mostTurns)
            }
        var weight = 1.0
        turns = texts.map { text in
            defer { weight *= policy.turnDecay }
            return Turn(weight: weight, pieces: TextEdges.pieces(text, bytes: encoderTokens * Self.bytesOfToken))
        }
    }

    /// English has about 4 bytes a token; code and names have fewer.
    private static let bytesOfToken = 3

    /// The last turn of the user; without one, the last turn. A system prompt does not decide.
    static func last(of messages: [ChatMessage]) -> String {
        (messages.last { $0.role == "user" } ?? messages.last)?.content ?? ""
    }

    /// The user's last turns, the last one first, without empty ones.
    private static func turns(of messages: [ChatMessage], most: Int) -> [String] {
        let turns = messages.filter { $0.role == "user" && !TextScan.isBlank($0.content) }.map(\.content)
        return turns.isEmpty ? [last(of: messages)] : turns.suffix(max(most, 1)).reversed()
    }
}
