import Adapters
import ArgumentParser
import Gateway
import JSON
import Routing

/// `lmoe adapters list`: every folder, whether it is served and whether the router can choose it.
struct AdaptersList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the adapters and say which the router can choose.",
        discussion: """
            EXAMPLES
              lmoe adapters list
              lmoe adapters list --json --adapters /srv/adapters
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var folders: FolderOptions
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")

    func run() throws {
        let workspace = try Workspace(model, flags: folders.flags)
        let store = workspace.configuration.openStore(for: try workspace.configuration.openBaseWeights())
        _ = store.rescan()
        let rows = store.list().map { AdapterRow($0, files: workspace.configuration.routeFiles) }
        if json {
            let document: JSONValue = ["folder": .string(store.folder), "adapters": .array(rows.map(\.json))]
            return print(document.serialized(pretty: true))
        }
        guard !rows.isEmpty else { return Terminal.say("there are no adapters in \(store.folder)") }
        var table = Table(["name", "state", "family", "rank", "bytes", "examples", "description"], leansRight: [3, 4, 5])
        for row in rows { row.add(to: &table) }
        print(table.text)
    }
}

/// One folder: what the store and the routing files say.
private struct AdapterRow {
    let status: AdapterStatus
    private let route: RouteFinding

    init(_ status: AdapterStatus, files: RouteFiles) {
        self.status = status
        route = RouteFinding(adapter: status.name, folder: status.folder, files: files)
    }

    func add(to table: inout Table) {
        let reason = status.state.reason.map { "\($0)" } ?? route.problem
        table.add(
            status.name, status.state.name, status.family ?? "-", status.summary?.ranks.map { "\($0.upperBound)" } ?? "-",
            Figure.bytes(status.byteCount), "\(route.definition?.examples.count ?? 0)",
            reason ?? route.definition?.description ?? "")
    }

    var json: JSONValue {
        [
            "name": .string(status.name), "state": .string(status.state.name),
            "reason": status.state.reason.map { .string("\($0)") } ?? .null, "folder": .string(status.folder),
            "family": status.family.map(JSONValue.string) ?? .null,
            "rank": status.summary?.ranks.map { .integer(Int64($0.upperBound)) } ?? .null,
            "targets": .array(status.targets.map(JSONValue.string)), "bytes": .integer(Int64(status.byteCount)),
            "chat_template": .bool(status.hasChatTemplate), "routing": route.json,
        ]
    }
}
