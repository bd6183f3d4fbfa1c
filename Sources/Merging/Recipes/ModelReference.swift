/// A model that a recipe names: `path[@revision][+adapter[@revision]]`.
public struct ModelReference: Sendable, Hashable, CustomStringConvertible {
    /// A folder, a `.gguf` file, or a name of the hub, with the revision that follows `@`.
    public struct Place: Sendable, Hashable, CustomStringConvertible {
        public var path: String
        public var revision: String?

        public init(path: String, revision: String? = nil) {
            self.path = path
            self.revision = revision
        }

        public var description: String { revision.map { "\(path)@\($0)" } ?? path }
    }

    public var model: Place
    /// Applied to the model as it is read.
    public var adapter: Place?

    public init(model: Place, adapter: Place? = nil) {
        self.model = model
        self.adapter = adapter
    }

    public var description: String { adapter.map { "\(model)+\($0)" } ?? "\(model)" }
}
