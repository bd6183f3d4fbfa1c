/// Bounds of what is compiled and kept. Every one of them ends in `GrammarError.Code.tooComplex`, except where it says otherwise.
///
/// The sizes leave room above what is found in practice: of 9,557 public schemas the largest has 1.3 MB, a depth of 16, 587 properties
/// in one object and an enumeration of 5,383 values.
public struct GrammarLimits: Sendable, Equatable {
    /// Bytes of a schema as compact JSON, of a GBNF text, or of all choices together.
    public var sourceBytes = 2 << 20
    /// Nested schemas, groups of an expression, groups of a grammar.
    public var depth = 64
    /// Values of one enumeration, and texts of a choice.
    public var enumeration = 10_000
    /// Properties of one object.
    public var properties = 2_000
    /// Bytes of one regular expression.
    public var patternBytes = 4 << 10
    /// States of one expression before it is made deterministic, and of all expressions of a grammar together.
    public var expressionStates = 100_000
    /// States of one deterministic automaton.
    public var automatonStates = 20_000
    /// Nodes of one grammar.
    public var nodes = 200_000
    /// Time to compile one grammar.
    public var compileTime: Duration = .seconds(2)
    /// Frames of one stack while it runs. What would need more is not allowed to begin.
    public var stackDepth = 1_024
    /// Stacks that one text can lead to. More than these are dropped: some texts that match are then refused, none is accepted wrongly.
    public var stacks = 256
    /// Stacks that may be read a byte for one mask. An ambiguous grammar that needs more gets no mask: tokens are tried one by one.
    public var maskWork = 100_000
    /// Memory of the states and masks that one grammar keeps for one vocabulary. When it is full they are forgotten and computed anew.
    public var machineBytes = 24 << 20

    public init() {}
}
