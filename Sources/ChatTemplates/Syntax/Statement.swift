/// A statement of a template, or text between tags.
indirect enum Statement: Sendable {
    case text(String)
    case output(Expression)
    case conditional(branches: [(condition: Expression, body: [Statement])], otherwise: [Statement])
    case loop(ForLoop)
    case set(AssignmentTarget, Expression)
    /// `{% set name %}…{% endset %}`, the text filtered before it is stored.
    case setBlock(AssignmentTarget, filters: [FilterCall], body: [Statement])
    case macro(MacroDefinition)
    /// `{% call(arguments) callee(…) %}…{% endcall %}`: the body is the callee's `caller`.
    case call(caller: MacroDefinition, callee: Expression, CallArguments)
    case filter([FilterCall], body: [Statement])
    case with([(target: AssignmentTarget, value: Expression)], body: [Statement])
    /// `{% generation %}`: the assistant's own text; it only opens a scope.
    case generation([Statement])
    case leaveLoop
    case nextIteration
}

struct ForLoop: Sendable {
    let target: AssignmentTarget
    let iterable: Expression
    /// `for … if condition`.
    let condition: Expression?
    let body: [Statement]
    /// Runs when there was nothing to iterate over.
    let otherwise: [Statement]
    let position: SourcePosition
}

final class MacroDefinition: Sendable {
    let name: String
    let parameters: [(name: String, fallback: Expression?)]
    let body: [Statement]
    /// Which of Jinja's implicit parameters the body mentions: `caller`, `varargs`, `kwargs`.
    let implicit: Set<String>
    let position: SourcePosition

    init(
        name: String, parameters: [(name: String, fallback: Expression?)], body: [Statement], implicit: Set<String>,
        position: SourcePosition
    ) {
        self.name = name
        self.parameters = parameters
        self.body = body
        self.implicit = implicit
        self.position = position
    }
}

/// The left side of `=`.
indirect enum AssignmentTarget: Sendable {
    case name(String)
    /// `namespace.name`.
    case attribute(of: String, String, SourcePosition)
    case tuple([AssignmentTarget], SourcePosition)
}
