/// The bounds of one template. Anyone can bring a template in an adapter's folder, so each bound holds for every template.
public struct TemplateLimits: Sendable, Equatable {
    /// Bytes of template source. Real ones stay below 30 KB.
    public var sourceBytes = 512 << 10
    /// Bytes of one string, and so of the rendered text.
    public var outputBytes = 16 << 20
    /// Expressions and statements run, list elements and pieces of 64 bytes of text visited, and pieces of 256 bytes of values made
    /// in one rendering. A conversation of 4,000 messages takes some 100,000 with the templates of the usual models.
    public var steps = 1_000_000
    /// Time on the processor of one rendering, in milliseconds.
    public var processorMilliseconds = 2_000
    /// Bytes of strings and lists made in one rendering, over its whole time (not the peak).
    public var createdBytes = 192 << 20
    /// Nested expressions and statements, in the source and at run time (macros that call macros).
    public var depth = 160
    /// Lists within lists, in messages and in the template's own values.
    public var valueDepth = 100
    /// Elements of one `range`, as in Jinja's sandbox.
    public var rangeLength = 100_000

    public init() {}
}
