/// A piece of a template: text between tags, or a piece of the code inside one.
struct Token: Sendable {
    enum Kind: Sendable, Equatable {
        /// Text as it goes to the output, whitespace control applied.
        case text(String)
        /// `{{` and `}}`.
        case outputStart, outputEnd
        /// `{%` and `%}`.
        case statementStart, statementEnd
        case name(String)
        case integer(Int)
        case number(Double)
        case string(String)
        case symbol(Symbol)
        case end
    }

    enum Symbol: String, Sendable, CaseIterable {
        case floorDivide = "//"
        case power = "**"
        case equal = "=="
        case notEqual = "!="
        case greaterOrEqual = ">="
        case lessOrEqual = "<="
        case plus = "+"
        case minus = "-"
        case times = "*"
        case divide = "/"
        case modulo = "%"
        case tilde = "~"
        case leftBracket = "["
        case rightBracket = "]"
        case leftParenthesis = "("
        case rightParenthesis = ")"
        case leftBrace = "{"
        case rightBrace = "}"
        case greater = ">"
        case less = "<"
        case assign = "="
        case dot = "."
        case colon = ":"
        case pipe = "|"
        case comma = ","
        case semicolon = ";"
    }

    let kind: Kind
    let position: SourcePosition

    /// For messages.
    var text: String {
        switch kind {
        case .text: "text"
        case .outputStart: "'{{'"
        case .outputEnd: "'}}'"
        case .statementStart: "'{%'"
        case .statementEnd: "'%}'"
        case .name(let name): "'\(name)'"
        case .integer(let value): "'\(value)'"
        case .number(let value): "'\(value)'"
        case .string: "a string"
        case .symbol(let symbol): "'\(symbol.rawValue)'"
        case .end: "the end of the template"
        }
    }
}
