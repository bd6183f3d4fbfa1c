import Generation
import JSON

/// What the client says about who answers.
enum ModelSelection: Sendable, Equatable {
    /// The router decides.
    case automatic
    case base
    case adapter(String)
    /// Several as one.
    case merged(AdapterMerge)

    static let automaticNames: Set<String> = ["auto", "lmoe"]
    static let baseName = "base"
}

/// The names that a request can use now; one snapshot a request.
struct ModelNames: Sendable {
    /// Names of the base models that the catalogue lists.
    let bases: [String]
    /// Other names of the base, such as that of its Hugging Face repository.
    var isBaseName: @Sendable (String) -> Bool = { _ in false }
    /// Names that stand for others.
    var aliases: [ModelAlias] = []
    let isServable: @Sendable (String) -> Bool
    /// Why a known adapter is not servable.
    let refusal: @Sendable (String) -> String?
    /// llama.cpp's ids are places in this list.
    let adapters: @Sendable () -> [String]
    /// Memories that are asked where the request says nothing of them.
    var defaultMemories: [String] = []

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
        if let alias = aliases.first(where: { $0.matches(name) }) { return target(alias.target) }
        return isBaseName(name) ? .base : nil
    }

    /// The name in `model`, where it stands for another one: answers repeat it.
    func alias(_ cursor: JSONCursor) throws(JSONError) -> String? {
        guard let name = try cursor.optionalName(), !ModelSelection.automaticNames.contains(name), name != ModelSelection.baseName else { return nil }
        return !bases.contains(name) && !isServable(name) && aliases.contains { $0.matches(name) } ? name : nil
    }

    private func target(_ name: String) -> ModelSelection? {
        if ModelSelection.automaticNames.contains(name) { return .automatic }
        if name == ModelSelection.baseName || bases.contains(name) { return .base }
        return isServable(name) ? .adapter(name) : nil
    }
}

extension ModelSelection {
    /// Reads `model` and the extensions `expert` (airoboros), `adapter_id` and `merged_adapters` (LoRAX) and `lora` (llama.cpp).
    ///
    /// An extension overrides a `model` that names the base or lets the router decide; a `model` that names another
    /// adapter than the extension, or two extensions that differ, are a 400: one of them must be a mistake.
    static func read(_ cursor: JSONCursor, names: ModelNames) throws(APIError) -> ModelSelection {
        do {
            let model = try named(cursor["model"], names)
            var chosen: (selection: ModelSelection, field: String)?
            for (field, selection) in [
                ("expert", try named(cursor["expert"], names)), ("adapter_id", try named(cursor["adapter_id"], names)),
                ("lora", try weighted(cursor["lora"], names)),
                ("merged_adapters", try merged(cursor["merged_adapters"], names)),
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

    /// OpenAI's words, which do not tell whether the model is missing or not for this caller.
    static func unknown(_ name: String) -> String { "The model `\(name)` does not exist or you do not have access to it." }

    static func named(_ cursor: JSONCursor, _ names: ModelNames) throws -> ModelSelection? {
        guard let name = try cursor.optionalName() else { return nil }
        guard !name.isEmpty else {
            throw cursor.invalid("empty; expected an adapter's name, `base`, or `auto`")
        }
        guard let selection = names.selection(name) else {
            let reason = names.refusal(name).map { "The adapter `\(name)` is not served: \($0)." }
            throw APIError(.modelNotFound, reason ?? unknown(name), param: cursor.path)
        }
        return selection
    }

    /// `[{"id": 0, "scale": 1.0}]`; ids that are left out have scale 0. Several, or one that is not at its full strength, are
    /// their weighted sum.
    private static func weighted(_ cursor: JSONCursor, _ names: ModelNames) throws -> ModelSelection? {
        guard let entries = try cursor.optionalArray() else { return nil }
        let adapters = names.adapters()
        var parts: [AdapterMerge.Part] = []
        for entry in entries {
            let id = try entry["id"].int()
            guard adapters.indices.contains(id) else {
                throw entry["id"].invalid("no adapter has id \(id); see GET /lora-adapters")
            }
            let scale = try entry["scale"].double(in: strengths)
            guard scale != 0 else { continue }
            guard !parts.contains(where: { $0.adapter == adapters[id] }) else { throw entry["id"].invalid("\(id) is there twice") }
            parts.append(.init(adapters[id], weight: scale))
        }
        guard parts.count <= mostParts else { throw cursor.invalid("at most \(mostParts) adapters are merged") }
        guard let first = parts.first else { return .base }
        return parts.count == 1 && first.weight == 1 ? .adapter(first.adapter) : .merged(AdapterMerge(parts))
    }

    /// `{"ids": ["sql", "bash"], "weights": [0.5, 0.5], "merge_strategy": "ties", "density": 0.5}`
    private static func merged(_ cursor: JSONCursor, _ names: ModelNames) throws -> ModelSelection? {
        guard cursor.exists else { return nil }
        let known: Set = ["ids", "weights", "merge_strategy", "density", "majority_sign_method"]
        for (key, value) in try cursor.object() where !value.isNull && !FieldPolicy.isKnown(key, known) {
            try FieldPolicy.refuseLong(key, of: cursor)
            throw cursor[key].invalid("unknown field of `merged_adapters`")
        }
        let ids = try cursor["ids"].array()
        guard !ids.isEmpty, ids.count <= mostParts else {
            throw cursor["ids"].invalid("expected 1 to \(mostParts) adapters, found \(ids.count)")
        }
        let weights = try cursor["weights"].optionalArray()
        if let weights, weights.count != ids.count {
            throw cursor["weights"].invalid("expected \(ids.count) weights, one for each of `ids`, found \(weights.count)")
        }
        var parts: [AdapterMerge.Part] = []
        for (index, id) in ids.enumerated() {
            guard case .adapter(let name)? = try named(id, names) else { throw id.invalid("expected an adapter's name") }
            guard !parts.contains(where: { $0.adapter == name }) else { throw id.invalid("`\(name)` is there twice") }
            parts.append(.init(name, weight: try weights?[index].double(in: strengths) ?? 1))
        }
        let strategy = try choice(cursor["merge_strategy"], AdapterMerge.Strategy.self) ?? .linear
        let sign = try choice(cursor["majority_sign_method"], AdapterMerge.MajoritySign.self) ?? .total
        let density = try cursor["density"].optionalDouble(in: 0...1)
        if density == 0 { throw cursor["density"].invalid("expected a number above 0, at most 1: nothing would be kept") }
        if strategy.isSparse, density == nil {
            throw cursor["density"].invalid("missing; \(strategy.rawValue) needs the share of elements that are kept, above 0 and at most 1")
        }
        return .merged(AdapterMerge(parts, strategy: strategy, density: density ?? 1, majoritySign: sign))
    }

    private static func choice<Value: RawRepresentable<String> & CaseIterable>(
        _ cursor: JSONCursor, _: Value.Type
    ) throws(JSONError) -> Value? {
        guard let text = try cursor.optionalName() else { return nil }
        guard let value = Value(rawValue: text) else {
            throw cursor.invalid("`\(text)`; expected one of \(Value.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return value
    }

    /// `scale`: how strongly the adapter that answers acts.
    static func scale(_ cursor: JSONCursor) throws(JSONError) -> Double {
        try cursor["scale"].optionalDouble(in: strengths) ?? 1
    }

    /// Far beyond what is useful, and small enough for f32.
    private static let strengths = -100.0...100.0
    private static let mostParts = 8
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
        for element in elements { names.append(try element.name()) }
        return names
    }
}
