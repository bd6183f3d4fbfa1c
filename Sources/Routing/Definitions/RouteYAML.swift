internal import Yams

/// The content of `route.yaml` or `routes/<name>.yaml`: every key is optional, unknown keys are refused.
struct RouteYAML: Equatable {
    var adapter: String?
    var description: String?
    var examples: [String]?
    var examplesFile: String?
    var threshold: Double?
    var priority: Int?
    var isEnabled: Bool?
    var handling = Handling()

    static let keys =
        ["adapter", "description", "examples", "examples_file", "threshold", "priority", "enabled"] + Handling.keys

    /// - Parameter place: the file's name for errors.
    static func parse(_ text: String, place: String) throws(RoutingError) -> RouteYAML {
        let root: Node?
        do {
            root = try compose(text)
        } catch {
            throw RoutingError(.malformedFile, "not YAML: \(firstLine(of: "\(error)"))", place: place)
        }
        // A file that was truncated, or is being written, must not withdraw its rules.
        guard let root else {
            throw RoutingError(.malformedFile, "it is empty: delete it to withdraw what it said, or write {} for a file without keys", place: place)
        }
        guard let mapping = root.mapping else {
            throw RoutingError(.malformedFile, "expected a mapping with \(keys.joined(separator: ", "))", place: place)
        }
        var route = RouteYAML()
        for (keyNode, node) in mapping {
            let key = keyNode.string ?? "?"
            let at = "\(place):\(keyNode.mark?.line ?? 0)"
            switch key {
            case "adapter": route.adapter = try string(node, key, at)
            case "description": route.description = try string(node, key, at)
            case "examples_file": route.examplesFile = try string(node, key, at)
            case "examples":
                guard let sequence = node.sequence else {
                    throw RoutingError(.malformedFile, "`examples` must be a list of texts", place: at)
                }
                var examples: [String] = []
                for item in sequence { examples.append(try string(item, "examples[\(examples.count)]", at)) }
                route.examples = examples
            case "threshold":
                guard let value = node.float, (0...1).contains(value) else {
                    throw RoutingError(.malformedFile, "`threshold` must be a probability from 0 to 1", place: at)
                }
                route.threshold = value
            case "priority":
                guard let value = node.int else {
                    throw RoutingError(.malformedFile, "`priority` must be a whole number", place: at)
                }
                route.priority = value
            case "enabled":
                guard let value = node.bool else {
                    throw RoutingError(.malformedFile, "`enabled` must be true or false", place: at)
                }
                route.isEnabled = value
            default:
                if try route.handling.read(key, node, at) { continue }
                throw RoutingError(
                    .malformedFile, "unknown key `\(key)`; known are \(keys.joined(separator: ", "))", place: at)
            }
        }
        return route
    }

    /// nil for a file without content. Errors: those of the parser.
    static func compose(_ text: String) throws -> Node? { try Yams.compose(yaml: text) }

    private static func string(_ node: Node, _ key: String, _ place: String) throws(RoutingError) -> String {
        guard let text = node.scalar?.string else {
            throw RoutingError(.malformedFile, "`\(key)` must be text", place: place)
        }
        return text
    }

    private static func firstLine(of text: String) -> String {
        TextScan.lines(text).first.map(String.init) ?? text
    }
}
