import JSON
import Routing

/// The routing data of a folder, or why the router cannot use it.
struct RouteFinding {
    let definition: RouteDefinition?
    /// For a person; nil when the router can choose the adapter.
    let problem: String?

    init(adapter: String, folder: String, files: RouteFiles) {
        do throws(RoutingError) {
            let definition = try files.definition(adapter: adapter, folder: folder)
            self.definition = definition
            problem =
                definition.indexedTexts.isEmpty
                ? "it has no routing data: served by name, never chosen by the router"
                : definition.isEnabled ? nil : "its routing is switched off: served by name only"
        } catch {
            definition = nil
            problem = "its routing data cannot be read: \(error)"
        }
    }

    var json: JSONValue {
        [
            "routable": .bool(problem == nil), "reason": problem.map(JSONValue.string) ?? .null,
            "description": definition?.description.map(JSONValue.string) ?? .null,
            "examples": .integer(Int64(definition?.examples.count ?? 0)),
            "threshold": definition?.threshold.map(JSONValue.number) ?? .null,
            "source": definition.map { .string($0.source) } ?? .null,
        ]
    }
}
