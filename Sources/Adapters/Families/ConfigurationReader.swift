internal import JSON

/// Reads what several families' configurations share: which modules they change, and values by pattern.
struct ConfigurationReader: Sendable {
    let document: JSONCursor

    /// Nil where the key is not there: a family has a standard for that, and none for null.
    func integer(_ key: String, in range: ClosedRange<Int>) throws(AdapterError) -> Int? {
        try read(key) { (value) throws(JSONError) in value.value == nil ? nil : try value.int(in: range) }
    }

    /// As `integer`.
    func number(_ key: String) throws(AdapterError) -> Double? {
        try read(key) { (value) throws(JSONError) in value.value == nil ? nil : try value.double() }
    }

    func flag(_ key: String) throws(AdapterError) -> Bool {
        try read(key) { (value) throws(JSONError) in try value.optionalBool() } ?? false
    }

    func text(_ key: String) throws(AdapterError) -> String? {
        try read(key) { (value) throws(JSONError) in try value.optionalString() }
    }

    /// One value, with the errors of this module.
    func read<Value>(
        _ key: String, _ body: (JSONCursor) throws(JSONError) -> Value
    ) throws(AdapterError) -> Value {
        do throws(JSONError) {
            return try body(document[key])
        } catch {
            throw AdapterError(error)
        }
    }

    /// `rank_pattern`, `alpha_pattern`: a value a key, in the order of the file.
    func table<Value: Sendable>(
        _ key: String, _ value: (JSONCursor) throws(JSONError) -> Value
    ) throws(AdapterError) -> PatternTable<Value> {
        let entries = try read(key) { (cursor) throws(JSONError) -> [(key: String, value: Value)] in
            guard cursor.exists else { return [] }
            var entries: [(key: String, value: Value)] = []
            for member in try cursor.members() { entries.append((member.key, try value(member.value))) }
            return entries
        }
        do throws(PatternError) {
            return try PatternTable(entries)
        } catch {
            throw Self.refused(error, key: key)
        }
    }

    /// `target_modules`, `exclude_modules`, `layers_to_transform`, `layers_pattern`, with PEFT's rules about which go together.
    /// `mayBeEmpty`: something else is changed, so a list of targets may be empty.
    func selection(defaults: [String], mayBeEmpty: Bool = false) throws(AdapterError) -> ModuleSelection {
        let layers = try layers()
        var selection = ModuleSelection(
            targets: try names("target_modules", mayBeEmpty: mayBeEmpty) ?? .list(Set(defaults)), excluded: try names("exclude_modules"), layers: layers)
        let lists = try strings("layers_pattern")
        if case .list = selection.targets {
            if !lists.isEmpty && !document["layers_to_transform"].exists { throw conflict("layers_pattern", "it needs layers_to_transform") }
        } else {
            if layers != nil { throw conflict("layers_to_transform", "it cannot go with target_modules that are no list") }
            if !lists.isEmpty { throw conflict("layers_pattern", "it cannot go with target_modules that are no list") }
        }
        guard lists.count <= 16 else { throw conflict("layers_pattern", "\(lists.count) patterns; at most 16 are read") }
        for list in lists {
            do throws(PatternError) {
                selection.layerLists.append(try ModulePattern(suffix: list))
            } catch {
                throw Self.refused(error, key: "layers_pattern")
            }
        }
        return selection
    }

    private func names(_ key: String, mayBeEmpty: Bool = false) throws(AdapterError) -> ModuleSelection.Names? {
        guard case .string(let text) = document[key].value else {
            guard document[key].exists else { return nil }
            let names = try strings(key)
            if names.isEmpty && key == "exclude_modules" { return nil }
            guard !names.isEmpty || mayBeEmpty else { throw conflict(key, "an empty list: nothing would change") }
            return .list(Set(names))
        }
        if text.isEmpty && key == "exclude_modules" { return nil }
        if text.lowercased() == "all-linear" && key == "target_modules" { return .allLinear }
        return .pattern(try pattern(text, key: key))
    }

    /// A string, a list of them, or nothing.
    func strings(_ key: String) throws(AdapterError) -> [String] {
        try read(key) { (cursor) throws(JSONError) -> [String] in
            if case .string(let text) = cursor.value { return text.isEmpty ? [] : [text] }
            var strings: [String] = []
            for element in try cursor.optionalArray() ?? [] { strings.append(try element.string()) }
            return strings
        }
    }

    /// A regular expression that is meant for whole paths.
    func pattern(_ text: String, key: String) throws(AdapterError) -> ModulePattern {
        do throws(PatternError) {
            return try ModulePattern(text)
        } catch {
            throw Self.refused(error, key: key)
        }
    }

    /// Adapters here generate text.
    func checkTask() throws(AdapterError) {
        guard let task = try text("task_type"), task != "CAUSAL_LM" else { return }
        throw AdapterError(
            .unsupported, "\(quoted(task)); expected CAUSAL_LM: adapters here generate text", file: AdapterFile.configuration,
            key: "task_type")
    }

    /// Nil: all layers. PEFT takes an empty list for all.
    private func layers() throws(AdapterError) -> Set<Int>? {
        try read("layers_to_transform") { (cursor) throws(JSONError) -> Set<Int>? in
            guard cursor.exists else { return nil }
            if case .array? = cursor.value {
                var layers: Set<Int> = []
                for element in try cursor.array() { layers.insert(try element.int()) }
                return layers.isEmpty ? nil : layers
            }
            return [try cursor.int()]
        }
    }

    private func conflict(_ key: String, _ message: String) -> AdapterError {
        AdapterError(.malformed, message, file: AdapterFile.configuration, key: key)
    }

    private static func refused(_ error: PatternError, key: String) -> AdapterError {
        AdapterError(
            .unsupported, "\(error.message); a list of module names says the same", file: AdapterFile.configuration, key: key)
    }
}
