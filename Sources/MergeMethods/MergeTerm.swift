/// One source of a merge, with its own values.
public struct MergeTerm: Sendable {
    /// For messages: the source as the recipe spells it.
    public var name: String
    public var reader: any TensorReader
    /// Its values, by the names of `MergeMethod.parameters`; those of a base are read by the methods that ignore bases.
    public var values: MergeValues
    /// The others are changes of it. Methods that ignore bases (`MergeMethod.base`) take it as one source more.
    public var isBase: Bool

    public init(_ name: String, reader: any TensorReader, values: MergeValues = [:], isBase: Bool = false) {
        self.name = name
        self.reader = reader
        self.values = values
        self.isBase = isBase
    }
}
