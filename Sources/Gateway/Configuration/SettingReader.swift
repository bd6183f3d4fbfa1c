import OpenAIAPI
import Routing
import Tensors

/// Typed values of settings.
struct SettingReader {
    let values: SettingValues

    /// nil where it is not set, or empty.
    func text(_ setting: Setting) -> String? {
        guard let text = values.value(setting)?.text, !text.isEmpty else { return nil }
        return text
    }

    func integer(_ setting: Setting, _ range: ClosedRange<Int>) throws(GatewayError) -> Int? {
        guard let (text, place) = found(setting) else { return nil }
        return try Self.integer(text, place, range)
    }

    static func integer(_ text: String, _ place: String, _ range: ClosedRange<Int>) throws(GatewayError) -> Int {
        guard let number = Int(text), range.contains(number) else {
            throw GatewayError(
                .configuration, "expected a whole number from \(range.lowerBound) to \(range.upperBound), found `\(text)`",
                place: place)
        }
        return number
    }

    func number(_ setting: Setting, _ range: ClosedRange<Double>) throws(GatewayError) -> Double? {
        guard let (text, place) = found(setting) else { return nil }
        guard let number = Double(text), range.contains(number) else {
            throw GatewayError(
                .configuration, "expected a number from \(range.lowerBound) to \(range.upperBound), found `\(text)`",
                place: place)
        }
        return number
    }

    func flag(_ setting: Setting) throws(GatewayError) -> Bool? {
        guard let (text, place) = found(setting) else { return nil }
        return try Self.flag(text, place)
    }

    static func flag(_ text: String, _ place: String) throws(GatewayError) -> Bool {
        switch text.lowercased() {
        case "1", "true", "yes", "on": return true
        case "0", "false", "no", "off": return false
        default: throw GatewayError(.configuration, "expected true or false, found `\(text)`", place: place)
        }
    }

    func choice<Choice: RawRepresentable<String>>(
        _ setting: Setting, _ names: [String]
    ) throws(GatewayError) -> Choice? {
        guard let (text, place) = found(setting) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            throw GatewayError(
                .configuration, "expected one of \(names.joined(separator: ", ")), found `\(text)`", place: place)
        }
        return choice
    }

    /// nil where it is not set, or empty.
    func found(_ setting: Setting) -> (text: String, place: String)? {
        values.value(setting).flatMap { $0.text.isEmpty ? nil : $0 }
    }

    static func routeText(_ text: String, _ place: String) throws(GatewayError) -> RequestPolicy.Text {
        switch text {
        case "last": return .last
        case "conversation": return .conversation
        case _ where text.contains("{"):
            do throws(RoutingError) {
                return .template(try RouteTemplate(text))
            } catch {
                throw GatewayError(.configuration, error.message, place: place)
            }
        default:
            throw GatewayError(
                .configuration, "expected `last`, `conversation` or a template with {last} in it, found `\(text)`",
                place: place)
        }
    }

    /// CPUs that this process may use; `none` is nil.
    static func cpus(_ text: String, _ place: String) throws(GatewayError) -> CPUList? {
        guard text != "none" else { return nil }
        guard let cpus = CPUList(text) else {
            throw GatewayError(
                .configuration, "expected numbers and ranges of CPUs such as `0-15` or `0,2,4-7`, each CPU once, found `\(text)`", place: place)
        }
        do throws(ResourceError) {
            try cpus.check()
        } catch {
            throw GatewayError(.configuration, error.message, place: place)
        }
        return cpus
    }

    /// `NAME` or `NAME=ADAPTER`, several with commas; `none` is none.
    static func aliases(_ text: String, _ place: String) throws(GatewayError) -> [ModelAlias] {
        guard text != "none" else { return [] }
        var aliases: [ModelAlias] = []
        for part in text.split(whereSeparator: { $0 == "," || $0.isWhitespace }) {
            guard let alias = ModelAlias(text: String(part)) else {
                throw GatewayError(.configuration, "expected NAME or NAME=ADAPTER, found `\(part)`", place: place)
            }
            aliases.append(alias)
        }
        return aliases
    }
}
