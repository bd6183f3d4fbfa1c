/// Variables of a block. Reading looks outwards; setting stays inside, so a loop's body can't change what is around it.
final class Scope {
    private var values: [String: Value] = [:]
    private let parent: Scope?

    init(parent: Scope?) { self.parent = parent }

    subscript(name: String) -> Value? {
        var scope: Scope? = self
        while let here = scope {
            if let value = here.values[name] { return value }
            scope = here.parent
        }
        return nil
    }

    func set(_ name: String, _ value: Value) { values[name] = value }

    func removeAll() { values = [:] }
}
