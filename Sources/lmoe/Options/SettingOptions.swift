import ArgumentParser
import Gateway

/// Options of which each is a row of the table of settings. The property has the name of the setting; flag, variable, help, default and
/// range come from the table, and values are checked there together with those of variables and files.
protocol SettingOptions: ParsableArguments {}

extension SettingOptions {
    /// What was given on the command line.
    var flags: [Setting: String] {
        let settings = Dictionary(uniqueKeysWithValues: Setting.allCases.map { ("_\($0)", $0) })
        var flags: [Setting: String] = [:]
        for (label, value) in Mirror(reflecting: self).children {
            guard let label, let setting = settings[label] else { continue }
            switch value {
            case let option as Option<String?>: flags[setting] = option.wrappedValue
            case let option as Option<[String]>: flags[setting] = option.wrappedValue.isEmpty ? nil : option.wrappedValue.joined(separator: ",")
            default: continue
            }
        }
        return flags
    }
}

extension Option<String?> {
    init(_ setting: Setting) {
        self.init(name: .customLong(setting.rawValue), help: setting.help)
    }
}

extension Option<[String]> {
    /// May be given more than once.
    init(wrappedValue: [String], _ setting: Setting) {
        self.init(wrappedValue: wrappedValue, name: .customLong(setting.rawValue), help: setting.help)
    }
}

extension Setting {
    /// The summary with what is in force otherwise, the numbers that are taken, and the variable.
    var help: ArgumentHelp {
        let facts = [range, "default: \(defaultValue)"].compactMap(\.self).joined(separator: "; ")
        return ArgumentHelp("\(summary.prefix(1).uppercased())\(summary.dropFirst()). (\(facts)) [\(variable)]", valueName: "value")
    }
}
