import Gateway
import Tuning
import Yams

/// A YAML file of tasks: settings that all share, and a list under `tasks:`, each with a name and settings of its own.
struct TaskFile {
    struct Task {
        var name: String
        var texts: SettingTexts
    }

    /// The base model; nil: the one of the settings.
    private(set) var base: String?
    private(set) var tasks: [Task] = []

    private static let limitBytes = 1 << 20
    private static let mostTasks = 256
    /// Of one task alone.
    static let ownSettings: [TaskSetting] = [.data, .query, .heldOut, .out, .description, .start]

    init(_ path: String) throws {
        let text = try Workspace.text(path, limitBytes: Self.limitBytes)
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw Failure.usage("\(path): not YAML: \(error)")
        }
        guard let mapping = root?.mapping else { throw Failure.usage("\(path): expected a mapping with the key `tasks`") }
        var shared = SettingTexts()
        var list: Node.Sequence?
        for (key, value) in mapping {
            let place = "\(path):\(key.mark?.line ?? 0)"
            switch key.string {
            case "tasks":
                guard let tasks = value.sequence else { throw Failure.usage("\(place): `tasks` has to be a list") }
                list = tasks
            case "base", "base_model": base = try Self.text(value, "base", place)
            case let name: try Self.add(name ?? "?", value, place, to: &shared, refusing: Self.ownSettings, besides: ["tasks", "base"])
            }
        }
        guard let list, !list.isEmpty else { throw Failure.usage("\(path): there are no tasks: expected a list under `tasks:`. A file of settings of the program is named by LMOE_CONFIG") }
        guard list.count <= Self.mostTasks else { throw Failure.usage("\(path): more than \(Self.mostTasks) tasks") }
        for node in list { tasks.append(try Self.task(node, path, shared)) }
        for (index, task) in tasks.enumerated() where tasks[..<index].contains(where: { $0.name == task.name }) {
            throw Failure.usage("\(path): two tasks are called \(task.name)")
        }
    }

    private static func task(_ node: Node, _ path: String, _ shared: SettingTexts) throws -> Task {
        let place = "\(path):\(node.mark?.line ?? 0)"
        guard let mapping = node.mapping else { throw Failure.usage("\(place): a task has to be a mapping with a `name` and `data`") }
        var name: String?
        var texts = SettingTexts()
        for (key, value) in mapping {
            let place = "\(path):\(key.mark?.line ?? 0)"
            if key.string == "name" {
                name = try text(value, "name", place)
            } else {
                try add(key.string ?? "?", value, place, to: &texts, refusing: [], besides: ["name"])
            }
        }
        guard let name else { throw Failure.usage("\(place): a task has no `name`") }
        return Task(name: name, texts: texts.over(shared))
    }

    private static func add(
        _ key: String, _ value: Node, _ place: String, to texts: inout SettingTexts, refusing: [TaskSetting], besides: [String]
    ) throws {
        guard let setting = TaskSetting(named: key) else {
            let known = TaskSetting.allCases.map(\.rawValue) + TaskSetting.otherNames.keys + besides
            let spelling = key.lowercased()
            let nearest = known.min { (NearNames.distance(spelling, $0), $0) < (NearNames.distance(spelling, $1), $1) }
            throw Failure.usage("\(place): unknown key `\(key)`; the nearest that is known is `\(nearest ?? "data")`")
        }
        guard !refusing.contains(setting) else { throw Failure.usage("\(place): `\(key)` belongs to one task, not to all of them") }
        if let other = texts.entries[setting] {
            let first = other.place.split(separator: " ").last ?? "?"
            throw Failure.usage("\(place): `\(key)` is the same setting as `\(first)`, which is given too")
        }
        texts.entries[setting] = .init(try text(value, key, place), place: "\(place): \(key)")
    }

    /// A value; a list becomes its elements with commas, a mapping its pairs.
    private static func text(_ node: Node, _ key: String, _ place: String) throws -> String {
        if let scalar = node.scalar { return scalar.string }
        if let parts = node.sequence?.map({ $0.scalar?.string }), !parts.contains(nil) {
            return parts.compactMap(\.self).joined(separator: ",")
        }
        if let pairs = node.mapping?.map({ pair in (pair.key.scalar?.string, pair.value.scalar?.string) }) {
            let texts = pairs.compactMap { key, value in key.flatMap { key in value.map { "\(key)=\($0)" } } }
            if texts.count == pairs.count { return texts.joined(separator: ",") }
        }
        throw Failure.usage("\(place): `\(key)` has to be one value")
    }
}
