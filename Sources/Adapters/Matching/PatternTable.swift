/// `rank_pattern` or `alpha_pattern`: the first key, in the order of the document, that matches a module's path decides
/// (`get_pattern_key` of PEFT: `re.match(r"(.*\.)?(KEY)$", path)`).
struct PatternTable<Value: Sendable>: Sendable {
    private enum Rule: Sendable {
        /// No character is special but the dot, which stands for any: compared without a program, since tools write
        /// one full path a module.
        case plain([UInt8])
        case pattern(ModulePattern)
    }

    /// All programs of a table together.
    private static var maximumInstructions: Int { 5_000 }
    private static var maximumKeys: Int { 10_000 }

    private let rules: [(rule: Rule, key: String, value: Value)]

    init(_ entries: [(key: String, value: Value)]) throws(PatternError) {
        guard entries.count <= Self.maximumKeys else {
            throw PatternError("\(entries.count) keys; at most \(Self.maximumKeys) are read")
        }
        var rules: [(rule: Rule, key: String, value: Value)] = []
        var instructions = 0
        for (key, value) in entries {
            if key.utf8.allSatisfy({ ByteSet.word.contains($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }) {
                rules.append((.plain(Array(key.utf8)), key, value))
                continue
            }
            let pattern = try Self.pattern(key)
            instructions += pattern.instructionCount
            guard instructions <= Self.maximumInstructions else {
                throw PatternError("the patterns together have more than \(Self.maximumInstructions) steps")
            }
            rules.append((.pattern(pattern), key, value))
        }
        self.rules = rules
    }

    private static func pattern(_ key: String) throws(PatternError) -> ModulePattern {
        do { return try ModulePattern(suffix: key) } catch { throw PatternError("key \(quoted(key)): \(error.message)") }
    }

    var isEmpty: Bool { rules.isEmpty }

    /// Nil when no key matches: the configuration's general value holds.
    func value(for path: String) -> Value? {
        guard !rules.isEmpty else { return nil }
        let bytes = Array(path.utf8)
        return rules.first { Self.matches($0.rule, path, bytes) }?.value
    }

    /// Keys that match no path of `paths`.
    func unusedKeys(among paths: [String]) -> [String] {
        rules.filter { rule in !paths.contains { Self.matches(rule.rule, $0, Array($0.utf8)) } }.map(\.key)
    }

    private static func matches(_ rule: Rule, _ path: String, _ bytes: [UInt8]) -> Bool {
        switch rule {
        case .pattern(let pattern): return pattern.matches(path)
        case .plain(let key):
            let start = bytes.count - key.count
            guard start == 0 || (start > 0 && bytes[start - 1] == UInt8(ascii: ".")) else { return false }
            return zip(key, bytes[start...]).allSatisfy { $0 == $1 || $0 == UInt8(ascii: ".") }
        }
    }
}
