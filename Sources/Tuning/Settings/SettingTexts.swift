/// Settings of a task as a person wrote them: each a text with its place, for errors.
public struct SettingTexts: Sendable, Equatable {
    public struct Entry: Sendable, Equatable {
        public var text: String
        /// `--rank`, or `tasks.yaml:7: rank`.
        public var place: String

        public init(_ text: String, place: String) {
            self.text = text
            self.place = place
        }
    }

    public var entries: [TaskSetting: Entry]

    public init(_ entries: [TaskSetting: Entry] = [:]) { self.entries = entries }

    /// With those of `defaults` where there is none here.
    public func over(_ defaults: SettingTexts) -> SettingTexts {
        SettingTexts(entries.merging(defaults.entries) { own, _ in own })
    }

    public func text(_ setting: TaskSetting) -> String? { entries[setting]?.text }

    func error(_ setting: TaskSetting, _ message: String) -> TuningError {
        TuningError(.invalidSetting, message, field: entries[setting]?.place ?? setting.rawValue)
    }

    /// Errors: `invalidSetting`, also of the others here.
    func number(_ setting: TaskSetting) throws(TuningError) -> Double? {
        guard let text = text(setting) else { return nil }
        guard let value = Double(text), value.isFinite else { throw error(setting, "expected a number, found `\(text)`") }
        return value
    }

    func integer(_ setting: TaskSetting, _ range: ClosedRange<Int>) throws(TuningError) -> Int? {
        guard let text = text(setting) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw error(setting, "expected a whole number from \(range.lowerBound) to \(range.upperBound), found `\(text)`")
        }
        return value
    }

    func flag(_ setting: TaskSetting) throws(TuningError) -> Bool? {
        guard let text = text(setting) else { return nil }
        switch text.lowercased() {
        case "true", "yes", "on", "1": return true
        case "false", "no", "off", "0": return false
        default: throw error(setting, "expected true or false, found `\(text)`")
        }
    }

    func choice<Value: RawRepresentable & CaseIterable>(_ setting: TaskSetting, of: Value.Type) throws(TuningError) -> Value?
    where Value.RawValue == String {
        guard let text = text(setting) else { return nil }
        guard let value = Value(rawValue: text.lowercased()) else {
            let known = Value.allCases.map(\.rawValue).joined(separator: ", ")
            throw error(setting, "expected one of \(known), found `\(text)`")
        }
        return value
    }

    /// Refuses settings that would do nothing.
    func refuse(_ settings: [TaskSetting], with reason: String) throws(TuningError) {
        for setting in settings where entries[setting] != nil { throw error(setting, "has no effect with \(reason); leave it out") }
    }

    /// A range's error names the setting by the name that other tools give it; a person wrote another.
    public func placed(_ error: TuningError) -> TuningError {
        guard let setting = error.field.flatMap(TaskSetting.init(named:)) else { return error }
        var placed = error
        placed.field = entries[setting]?.place ?? "--\(setting.rawValue)"
        return placed
    }
}
