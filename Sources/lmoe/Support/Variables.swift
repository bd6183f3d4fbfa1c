import Foundation
import Synchronization

/// Defaults of flags out of the environment: `--max-tokens` is `LMOE_MAX_TOKENS`. A flag on the command line wins.
enum Variables {
    private static let problems = Mutex<[String]>([])

    static func name(_ flag: String) -> String { "LMOE_" + flag.uppercased().replacing("-", with: "_") }

    static func text(_ flag: String) -> String? {
        guard let text = ProcessInfo.processInfo.environment[name(flag)], !text.isEmpty else { return nil }
        return text
    }

    static func integer(_ flag: String) -> Int? { parsed(flag, "a whole number") { Int($0) } }
    static func number(_ flag: String) -> Double? { parsed(flag, "a number") { Double($0) } }

    static func flag(_ flag: String) -> Bool {
        parsed(flag, "true or false") { text in
            switch text.lowercased() {
            case "1", "true", "yes", "on": true
            case "0", "false", "no", "off": false
            default: nil
            }
        } ?? false
    }

    private static func parsed<Value>(_ flag: String, _ expected: String, _ parse: (String) -> Value?) -> Value? {
        guard let text = text(flag) else { return nil }
        if let value = parse(text) { return value }
        problems.withLock { $0.append("\(name(flag)): expected \(expected), found `\(text)`") }
        return nil
    }

    /// Defaults are read while arguments are parsed, where nothing can be thrown; this says what was wrong.
    static func check() throws {
        if let problem = problems.withLock({ $0.first }) { throw Failure.usage(problem) }
    }
}
