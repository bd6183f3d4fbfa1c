import Adapters
import JSON
import Routing
public import OpenAIAPI

extension AdapterLibrary {
    /// Every folder of the store, as `/v1/adapters` and `lmoe adapters list --json` show it. Must not run on the loop.
    public func reports() -> [AdapterReport] {
        let shelf = shelf
        return store.list().map { report($0, shelf) }
    }

    public func report(_ name: String) -> AdapterReport? {
        store.status(name).map { status in
            var report = report(status, shelf)
            if let load = store.expertLoad(name) { report.details["expert_load"] = Self.json(load) }
            if case .object(var routing)? = report.details["routing"], let router {
                routing["alike"] = .array(
                    router.overlaps(of: [name]).map {
                        ["adapter": .string($0.second), "similarity": .number((Double($0.similarity) * 1000).rounded() / 1000)]
                    })
                report.details["routing"] = .object(routing)
            }
            return report
        }
    }

    /// How the adapter's experts were chosen since it was loaded, with three digits.
    private static func json(_ load: ExpertLoad) -> JSONValue {
        func spread(_ spread: ExpertLoad.Spread) -> JSONObject {
            func number(_ value: Double) -> JSONValue { .number((value * 1000).rounded() / 1000) }
            return ["shares": .array(spread.shares.map(number)), "evenness": number(spread.evenness)]
        }
        var overall = spread(load.overall)
        overall["tokens"] = .integer(Int64(load.tokens))
        overall["layers"] = .array(
            load.layers.map { layer in
                var object: JSONObject = ["layer": .integer(Int64(layer.layer))]
                for (key, value) in spread(layer.spread) { object[key] = value }
                return .object(object)
            })
        return .object(overall)
    }

    private func report(_ status: AdapterStatus, _ shelf: Shelf) -> AdapterReport {
        let entry = shelf.entries[status.name]
        let isUnloaded = shelf.unloaded.contains(status.name)
        var details: JSONObject = ["servable": .bool(entry != nil)]
        details["family"] = status.family.map(JSONValue.string) ?? .null
        details["experts"] = status.summary?.experts.map { .integer(Int64($0.upperBound)) } ?? .null
        details["rank"] = status.summary?.ranks.map { .integer(Int64($0.upperBound)) } ?? .null
        details["alpha"] = status.summary?.alpha.map(JSONValue.number) ?? .null
        details["targets"] = .array(status.targets.map(JSONValue.string))
        details["parameters"] = status.summary.map { .integer(Int64($0.parameters)) } ?? .null
        details["bytes"] = .integer(Int64(status.byteCount))
        details["version"] = status.version.map(JSONValue.string) ?? .null
        details["requests_served"] = .integer(Int64(status.requestsServed))
        details["running"] = .integer(Int64(status.pins))
        details["chat_template"] = .bool(status.hasChatTemplate)
        details["unusable_since"] = status.unusableSince.map { .integer(Int64($0)) } ?? .null
        details["pending_replacement"] = status.pendingReplacement.map { .string(reason($0)) } ?? .null
        details["routing"] = routing(entry, shelf)
        return AdapterReport(
            name: status.name, state: isUnloaded ? "unloaded" : status.state.name,
            reason: isUnloaded ? "it was unloaded; load it to serve it again" : status.state.reason.map(reason),
            folder: status.folder, details: details)
    }

    private func routing(_ entry: Shelf.Entry?, _ shelf: Shelf) -> JSONValue {
        guard let entry else { return nil }
        var routing: JSONObject = ["routable": .bool(entry.routingProblem == nil)]
        routing["reason"] = entry.routingProblem.map(JSONValue.string) ?? .null
        routing["description"] = entry.route?.description.map(JSONValue.string) ?? .null
        routing["examples"] = .integer(Int64(entry.route?.examples.count ?? 0))
        routing["threshold"] = entry.route?.threshold.map(JSONValue.number) ?? .null
        let handling = entry.route?.handling
        routing["restricted"] = .bool(handling.map { $0.access != .open } ?? false)
        routing["canary"] = handling?.canary.map { ["adapter": .string($0.adapter), "weight": .number($0.weight)] } ?? .null
        routing["timeout_ms"] = handling?.timeoutMilliseconds.map { .integer(Int64($0)) } ?? .null
        routing["default_adapter"] = handling?.defaultAdapter.map(JSONValue.string) ?? .null
        routing["taken_from"] = shelf.claims[entry.name]?.json ?? .null
        routing["source"] = entry.route.map { .string($0.source) } ?? .null
        return .object(routing)
    }
}
