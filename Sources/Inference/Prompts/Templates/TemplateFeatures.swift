/// What a chat template does with functions, calls and their results.
struct TemplateFeatures: Sendable, Equatable {
    /// The variable in which it looks for functions; nil: it does not show them.
    var toolVariable: String?
    /// It shows the calls of an assistant's turn.
    var showsCalls = false
    /// It takes several calls in one turn.
    var takesSeveralCalls = true
    /// It shows turns of the role `tool`.
    var showsResults = false
    /// It shows a system turn.
    var showsSystem = false
    /// How its model writes calls; nil: in no way that is known here.
    var format: CallFormat?

    /// The template tells the model of functions, and its calls can be read. Otherwise they are text of this server's.
    var hasTools: Bool { toolVariable != nil && format != nil }
}
