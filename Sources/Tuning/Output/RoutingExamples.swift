import Generation
import Tensors

/// Requests from the data of a task, for the router.
public enum RoutingExamples {
    public static let defaultCount = 100
    /// The router reads no more of an example.
    static let mostBytes = 2048

    /// At most `count` different requests, drawn with the seed from rows of these lines, in the order of the data. Rows without a prompt,
    /// such as plain texts, give none.
    ///
    /// - Parameter lines: of the examples that are trained: what is held out stays unknown to the router. Nil: all rows.
    public static func draw(from rows: [DataRow], lines: [Int]? = nil, count: Int = defaultCount, seed: UInt64) -> [String] {
        let lines = lines.map(Set.init)
        var seen: Set<ContentDigest> = []
        let texts = rows.compactMap { row -> String? in
            guard lines?.contains(row.line) ?? true, let text = row.request.map({ $0.trimmed.cut(bytes: mostBytes) }), !text.isEmpty,
                seen.insert(ContentDigest(of: text)).inserted
            else { return nil }
            return text
        }
        var permutation = Permutation(seed: seed, stream: 0x524F_5554_4553)
        return permutation.order(texts.count).prefix(max(0, count)).sorted().map { texts[$0] }
    }
}

extension DataRow {
    /// The last turn of the user before the first answer that is learnt: what the router sees of such a request. Nil without one.
    var request: String? {
        switch content {
        case .conversation(let turns): Self.lastRequest(turns.prefix { !$0.isTrained })
        case .instruction(let system, let instruction, let input, _):
            Self.lastRequest(InstructionText.turns(system, instruction, input, "").dropLast())
        case .completion(let prompt, _), .labelled(let prompt, _, _), .preference(let prompt, _, _), .choice(let prompt, _, _):
            switch prompt {
            case .text(let text), .verbatim(let text): text
            case .turns(let turns): Self.lastRequest(turns[...])
            }
        case .text: nil
        }
    }

    private static func lastRequest(_ turns: ArraySlice<ConversationTurn>) -> String? {
        turns.last { $0.message.role == ConversationTurn.user }?.message.content
    }
}

extension String {
    /// The start: at most `bytes`, and no half character.
    func cut(bytes: Int) -> String {
        guard utf8.count > bytes else { return self }
        var end = utf8.index(startIndex, offsetBy: bytes)
        while end > startIndex, utf8[end] & 0xC0 == 0x80 { utf8.formIndex(before: &end) }
        return String(self[..<end])
    }
}
