import JSON

/// `keep_alive`: seconds as a number, or a text like `5m`, `1h30m` or `-1s`.
enum OllamaDuration {
    private static let units: [(name: String, seconds: Double)] = [
        ("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("μs", 1e-6), ("ms", 1e-3), ("s", 1), ("m", 60), ("h", 3_600),
    ]

    /// nil where it is not given; negative: for ever.
    static func seconds(_ cursor: JSONCursor) throws(JSONError) -> Double? {
        guard case .string = cursor.value else { return try cursor.optionalDouble() }
        let text = try cursor.name()
        guard let seconds = seconds(text) else {
            throw cursor.invalid("`\(text)` is no duration; expected seconds as a number, or a text like `5m`")
        }
        return seconds
    }

    static func seconds(_ text: String) -> Double? {
        var rest = Substring(text)
        let sign = rest.hasPrefix("-") ? -1.0 : 1.0
        if rest.hasPrefix("-") || rest.hasPrefix("+") { rest.removeFirst() }
        // A number alone is a number of seconds.
        if let plain = number(rest) { return sign * plain }
        guard !rest.isEmpty else { return nil }
        var sum = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            let unit = rest.dropFirst(digits.count).prefix { !($0.isASCII && ($0.isNumber || $0 == ".")) }
            guard let value = number(digits), let factor = units.first(where: { $0.name == unit })?.seconds else { return nil }
            sum += value * factor
            rest = rest.dropFirst(digits.count + unit.count)
        }
        return sign * sum
    }

    private static func number(_ text: Substring) -> Double? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }) else { return nil }
        return Double(text)
    }
}
