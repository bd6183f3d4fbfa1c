/// A regular expression after parsing.
indirect enum Expression: Sendable {
    case empty
    /// One character of the set, in the encoding of the automaton.
    case scalars(ScalarSet)
    /// One byte, whatever the encoding.
    case byte(ClosedRange<UInt8>)
    case sequence([Expression])
    case alternative([Expression])
    /// - Parameter most: nil is any number.
    case repetition(Expression, least: Int, most: Int?)
    /// Where the text begins.
    case start
    /// Where the text ends.
    case end

    static func text(_ text: String) -> Expression {
        .sequence(text.unicodeScalars.map { .scalars(ScalarSet($0)) })
    }

    static func bytes(_ bytes: [UInt8]) -> Expression { .sequence(bytes.map { .byte($0...$0) }) }

    static func optional(_ part: Expression) -> Expression { .repetition(part, least: 0, most: 1) }
    static func any(_ part: Expression) -> Expression { .repetition(part, least: 0, most: nil) }
    static func some(_ part: Expression) -> Expression { .repetition(part, least: 1, most: nil) }

    /// Any text in which this is found.
    var searched: Expression { .sequence([.any(.scalars(.all)), self, .any(.scalars(.all))]) }
}
