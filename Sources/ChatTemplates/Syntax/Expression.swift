/// A node of an expression's tree, with its place for messages. `depth` counts the levels below and bounds recursion.
final class Expression: Sendable {
    enum Kind: Sendable {
        case constant(Constant)
        case name(String)
        case list([Expression])
        case tuple([Expression])
        case dictionary([(key: Expression, value: Expression)])
        /// `object.name`: a method or attribute first, then a key.
        case attribute(Expression, String)
        /// `object[key]`: a key or index first, then an attribute.
        case item(Expression, Expression)
        case slice(Expression, start: Expression?, stop: Expression?, step: Expression?)
        case call(Expression, CallArguments)
        case filter(Expression, FilterCall)
        case test(Expression, String, CallArguments)
        case negate(Expression)
        case plus(Expression)
        case not(Expression)
        case binary(BinaryOperator, Expression, Expression)
        case and(Expression, Expression)
        case or(Expression, Expression)
        case compare(Expression, [(operation: Comparison, operand: Expression)])
        /// `a ~ b ~ c`.
        case concatenate([Expression])
        case conditional(test: Expression, then: Expression, otherwise: Expression?)
    }

    enum Constant: Sendable {
        case none
        case bool(Bool)
        case integer(Int)
        case number(Double)
        case string(String)
    }

    let kind: Kind
    let position: SourcePosition
    let depth: Int

    init(_ kind: Kind, at position: SourcePosition, depth: Int) {
        self.kind = kind
        self.position = position
        self.depth = depth
    }
}

enum BinaryOperator: String, Sendable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case floorDivide = "//"
    case modulo = "%"
    case power = "**"
}

enum Comparison: String, Sendable {
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case isIn = "in"
    case isNotIn = "not in"
}

/// Arguments as written: `(a, *b, c=d, **e)`.
struct CallArguments: Sendable {
    var positional: [Expression] = []
    var named: [(name: String, value: Expression)] = []
    var spreadPositional: Expression?
    var spreadNamed: Expression?

    var depth: Int {
        let all = positional + named.map(\.value) + [spreadPositional, spreadNamed].compactMap { $0 }
        return all.lazy.map(\.depth).max() ?? 0
    }
}

/// One link of a chain of filters.
struct FilterCall: Sendable {
    let name: String
    let arguments: CallArguments
    let position: SourcePosition
}
