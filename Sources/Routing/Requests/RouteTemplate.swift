internal import Generation

/// A text to embed, made of parts of a conversation: `{last}` and `{first}` are turns of the user, `{previous}` is the user's turn
/// before the last, `{assistant}` the assistant's last turn, and `{system}` the system prompt.
public struct RouteTemplate: Sendable, Equatable {
    private enum Piece: Equatable {
        case text(String)
        case place(Place)
    }

    private enum Place: String, CaseIterable {
        case last, first, previous, assistant, system
    }

    private let pieces: [Piece]
    public let source: String

    /// Errors: `malformedFile` for an unknown place, and for a template without places, which would route every conversation alike.
    public init(_ source: String) throws(RoutingError) {
        var pieces: [Piece] = []
        var rest = source[...]
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            let name = rest[rest.index(after: open)..<close]
            guard let place = Place(rawValue: String(name)) else {
                throw RoutingError(
                    .malformedFile,
                    "`{\(name)}` is no place of a template; there are \(Place.allCases.map { "{\($0.rawValue)}" }.joined(separator: ", "))")
            }
            pieces += [.text(String(rest[..<open])), .place(place)]
            rest = rest[rest.index(after: close)...]
        }
        guard !pieces.isEmpty else {
            throw RoutingError(.malformedFile, "a template needs a place for the conversation, such as {last}")
        }
        self.pieces = pieces + [.text(String(rest))]
        self.source = source
    }

    func filled(_ messages: [ChatMessage]) -> String {
        let turns = messages.filter { $0.role == "user" }.map(\.content)
        return pieces.map { piece in
            switch piece {
            case .text(let text): text
            case .place(.last): turns.last ?? messages.last?.content ?? ""
            case .place(.first): turns.first ?? ""
            case .place(.previous): turns.dropLast().last ?? ""
            case .place(.assistant): messages.last { $0.role == "assistant" }?.content ?? ""
            case .place(.system): messages.first { $0.role == "system" }?.content ?? ""
            }
        }.joined()
    }
}
