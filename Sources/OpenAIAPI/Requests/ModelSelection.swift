import JSON

/// Who shall answer, as the client put it.
enum ModelSelection: Sendable, Equatable {
    /// The router decides.
    case automatic
    case base
    case adapter(String)

    static let automaticNames: Set<String> = ["auto", "lmoe"]
    static let baseName = "base"
}

/// The names that a request can use now; one snapshot a request.
struct ModelNames {
    /// Names of the base models that the catalogue lists.
    let bases: [String]
    let isServable: (String) -> Bool
    /// Why a known adapter is not servable.
    let refusal: (String) -> String?
    /// llama.cpp's ids are places in this list.
    let adapters: () -> [String]

    /// Nil when nothing is served under that name.
    func selection(_ name: String) -> ModelSelection? {
        if ModelSelection.automaticNames.contains(name) { return .automatic }
        if name == ModelSelection.baseName || bases.contains(name) { return .base }
        if isServable(name) { return .adapter(name) }
        // SGLang's spelling.
        for base in bases where name.hasPrefix("\(base):") {
            let adapter = String(name.dropFirst(base.count + 1))
            if isServable(adapter) { return .adapter(adapter) }
        }
        return nil
    }
}

extension ModelSelection {
    /// Reads `model` and the extensions `expert` (airoboros), `adapter_id` (LoRAX) and `lora` (llama.cpp).
    ///
    /// An extension goes before a `model` that names the base or lets the router decide; a `model` that names another
    /// adapter than the extension, or two extensions that differ, are a 400: one of them must be a mistake.
    static func read(_ cursor: JSONCursor, names: ModelNames) throws(APIError) -> ModelSelection {
        do {
            let model = try named(cursor["model"], names)
            var chosen: (selection: ModelSelection, field: String)?
            for (field, selection) in [
                ("expert", try named(cursor["expert"], names)), ("adapter_id", try named(cursor["adapter_id"], names)),
                ("lora", try scaled(cursor["lora"], names)),
            ] {
                guard let selection else { continue }
                if let chosen, chosen.selection != selection {
                    throw cursor[field].invalid("contradicts `\(chosen.field)`: one request has one adapter")
                }
                chosen = (selection, field)
            }
            guard let chosen else { return model ?? .automatic }
            if case .adapter? = model, model != chosen.selection {
                throw cursor[chosen.field].invalid("contradicts `model`: one request has one adapter")
            }
            return chosen.selection
        } catch let error as JSONError {
            throw APIError(error)
        } catch {
            throw APIError(reaching: error)
        }
    }

    private static func named(_ cursor: JSONCursor, _ names: ModelNames) throws -> ModelSelection? {
        guard let name = try cursor.optionalString() else { return nil }
        guard !name.isEmpty else {
            throw cursor.invalid("empty; expected an adapter's name, `base`, or `auto`")
        }
        guard let selection = names.selection(name) else {
            let reason = names.refusal(name).map { "The adapter `\(name)` is not served: \($0)." }
            throw APIError(.modelNotFound, reason ?? "The model `\(name)` does not exist.", param: cursor.path)
        }
        return selection
    }

    /// `[{"id": 0, "scale": 1.0}]`; ids that are left out have scale 0.
    private static func scaled(_ cursor: JSONCursor, _ names: ModelNames) throws -> ModelSelection? {
        guard let entries = try cursor.optionalArray() else { return nil }
        let adapters = names.adapters()
        var selection: ModelSelection = .base
        for entry in entries {
            let id = try entry["id"].int()
            guard adapters.indices.contains(id) else {
                throw entry["id"].invalid("no adapter has id \(id); see GET /lora-adapters")
            }
            let scale = try entry["scale"].double()
            guard scale != 0 else { continue }
            guard scale == 1 else {
                throw entry["scale"].invalid("expected 0 or 1: adapters are applied at the strength they were trained for")
            }
            guard selection == .base else { throw entry.invalid("one request has one adapter") }
            selection = .adapter(adapters[id])
        }
        return selection
    }
}

/// `route`: steers the router for one request.
struct RouteOptions: Sendable, Equatable {
    var threshold: Double?
    var candidates: [String]?
    /// The answer carries the whole explanation.
    var isExplained = false

    init() {}

    init(_ cursor: JSONCursor, fields: FieldPolicy, limits: APILimits) throws(JSONError) {
        guard cursor.exists else { return }
        try fields.check(cursor, ["threshold", "candidates", "explain"])
        threshold = try cursor["threshold"].optionalDouble(in: 0...1)
        candidates = try Self.candidates(cursor["candidates"], limits: limits)
        isExplained = try cursor["explain"].optionalBool() ?? false
    }

    static func candidates(_ cursor: JSONCursor, limits: APILimits) throws(JSONError) -> [String]? {
        guard let elements = try cursor.optionalArray() else { return nil }
        guard !elements.isEmpty, elements.count <= limits.routeCandidates else {
            throw cursor.invalid("expected 1 to \(limits.routeCandidates) adapters, found \(elements.count)")
        }
        var names: [String] = []
        for element in elements { names.append(try element.string()) }
        return names
    }
}
