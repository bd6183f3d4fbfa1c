/// A place in a template: line and column from 1, columns in code points.
struct SourcePosition: Sendable, Equatable {
    var line: Int
    var column: Int
}
