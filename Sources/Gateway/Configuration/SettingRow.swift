/// One row of the table of settings: what help says, what is in force where nothing is set, which values are taken, and where a value
/// goes.
struct SettingRow {
    /// For help: starts with a small letter, has no full stop.
    let summary: String
    /// The value that is in force where nothing is set, for help.
    let defaultValue: String
    /// `1 to 4096`; nil where `summary` names the values.
    let range: String?
    /// Reads the setting, if it is set. Errors: `configuration`, naming the place.
    let apply: (Setting, SettingReader, inout ServiceConfiguration) throws(GatewayError) -> Void

    private static let defaults = ServiceConfiguration()

    static func text(_ place: WritableKeyPath<ServiceConfiguration, String>, _ summary: String) -> SettingRow {
        SettingRow(summary: summary, defaultValue: defaults[keyPath: place], range: nil) {
            (setting, reader, configuration) throws(GatewayError) in
            if let text = reader.text(setting) { configuration[keyPath: place] = text }
        }
    }

    /// A text for which `none` stands for nothing.
    static func optionalText(
        _ place: WritableKeyPath<ServiceConfiguration, String?>, none: String = "none", default defaultValue: String? = nil, _ summary: String
    ) -> SettingRow {
        SettingRow(summary: summary, defaultValue: defaultValue ?? defaults[keyPath: place] ?? none, range: nil) {
            (setting, reader, configuration) throws(GatewayError) in
            if let text = reader.text(setting) { configuration[keyPath: place] = text == none ? nil : text }
        }
    }

    static func integer(
        _ place: WritableKeyPath<ServiceConfiguration, Int>, _ range: ClosedRange<Int>, times unit: Int = 1, default defaultValue: String? = nil,
        _ summary: String
    ) -> SettingRow {
        SettingRow(summary: summary, defaultValue: defaultValue ?? "\(defaults[keyPath: place] / unit)", range: words(range)) {
            (setting, reader, configuration) throws(GatewayError) in
            if let number = try reader.integer(setting, range) { configuration[keyPath: place] = number * unit }
        }
    }

    static func mebibytes(
        _ place: WritableKeyPath<ServiceConfiguration, Int>, _ range: ClosedRange<Int>, _ summary: String
    ) -> SettingRow {
        integer(place, range, times: 1 << 20, summary)
    }

    static func number(
        _ place: WritableKeyPath<ServiceConfiguration, Double>, _ range: ClosedRange<Double>, _ summary: String
    ) -> SettingRow {
        SettingRow(summary: summary, defaultValue: decimal(defaults[keyPath: place]), range: words(range)) {
            (setting, reader, configuration) throws(GatewayError) in
            if let number = try reader.number(setting, range) { configuration[keyPath: place] = number }
        }
    }

    /// Seconds that are kept as whole milliseconds.
    static func seconds(
        _ place: WritableKeyPath<ServiceConfiguration, Int>, _ range: ClosedRange<Double>, _ summary: String
    ) -> SettingRow {
        SettingRow(summary: summary, defaultValue: decimal(Double(defaults[keyPath: place]) / 1000), range: words(range)) {
            (setting, reader, configuration) throws(GatewayError) in
            if let number = try reader.number(setting, range) { configuration[keyPath: place] = Int(number * 1000) }
        }
    }

    static func flag(
        _ place: WritableKeyPath<ServiceConfiguration, Bool>, words: (yes: String, no: String) = ("true", "false"), _ summary: String
    ) -> SettingRow {
        SettingRow(summary: summary, defaultValue: defaults[keyPath: place] ? words.yes : words.no, range: nil) {
            (setting, reader, configuration) throws(GatewayError) in
            if let flag = try reader.flag(setting) { configuration[keyPath: place] = flag }
        }
    }

    static func choice<Choice: RawRepresentable<String>>(
        _ place: WritableKeyPath<ServiceConfiguration, Choice>, _ choices: [Choice], _ summary: String
    ) -> SettingRow {
        SettingRow(summary: summary, defaultValue: defaults[keyPath: place].rawValue, range: nil) {
            (setting, reader, configuration) throws(GatewayError) in
            if let choice: Choice = try reader.choice(setting, choices.map(\.rawValue)) { configuration[keyPath: place] = choice }
        }
    }

    /// A setting with a form of its own.
    static func custom(
        default defaultValue: String, range: ClosedRange<Int>? = nil, _ summary: String,
        _ apply: @escaping (_ text: String, _ place: String, inout ServiceConfiguration) throws(GatewayError) -> Void
    ) -> SettingRow {
        SettingRow(summary: summary, defaultValue: defaultValue, range: range.map(words)) {
            (setting, reader, configuration) throws(GatewayError) in
            guard let (text, place) = reader.found(setting) else { return }
            try apply(text, place, &configuration)
        }
    }

    private static func words(_ range: ClosedRange<Int>) -> String { "\(range.lowerBound) to \(range.upperBound)" }
    private static func words(_ range: ClosedRange<Double>) -> String { "\(decimal(range.lowerBound)) to \(decimal(range.upperBound))" }
    private static func decimal(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }
}
