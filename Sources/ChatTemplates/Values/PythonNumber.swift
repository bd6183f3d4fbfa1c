import Foundation

/// `repr(float)`: the shortest digits that read back equal; an exponent below 1e-4 and from 1e16.
func pythonText(_ value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    let sign = value.sign == .minus ? "-" : ""
    if value == 0 { return sign + "0.0" }
    let (digits, exponent) = shortestDigits(value.magnitude)
    if exponent < -4 || exponent >= 16 {
        let fraction = digits.count > 1 ? "." + digits.dropFirst() : ""
        let size = abs(exponent)
        return sign + digits.prefix(1) + fraction + "e" + (exponent < 0 ? "-" : "+") + (size < 10 ? "0" : "") + String(size)
    }
    if exponent < 0 { return sign + "0." + String(repeating: "0", count: -exponent - 1) + digits }
    if digits.count <= exponent + 1 {
        return sign + digits + String(repeating: "0", count: exponent + 1 - digits.count) + ".0"
    }
    return sign + digits.prefix(exponent + 1) + "." + digits.dropFirst(exponent + 1)
}

/// The decimal digits without zeros around them, and the power of ten of the first.
private func shortestDigits(_ value: Double) -> (digits: String, exponent: Int) {
    let parts = value.description.split(separator: "e")
    let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    let whole = mantissa[0]
    var digits = String(whole) + (mantissa.count > 1 ? String(mantissa[1]) : "")
    var exponent = (parts.count > 1 ? Int(parts[1]) ?? 0 : 0) + whole.count - 1
    while digits.hasPrefix("0"), digits.count > 1 {
        digits.removeFirst()
        exponent -= 1
    }
    while digits.hasSuffix("0"), digits.count > 1 { digits.removeLast() }
    return (digits, exponent)
}

/// `int(text, base)`; nil when it is no integer of 64 bits.
func pythonInteger(_ text: String, base: Int = 10) -> Int? {
    var digits = text.stripped()[...]
    var sign = ""
    if let first = digits.first, first == "-" || first == "+" {
        sign = first == "-" ? "-" : ""
        digits.removeFirst()
    }
    let prefixes = [2: "0b", 8: "0o", 16: "0x"]
    if let prefix = prefixes[base], digits.lowercased().hasPrefix(prefix) {
        digits.removeFirst(2)
        if digits.first == "_" { digits.removeFirst() }
    }
    guard (2...36).contains(base), isGrouped(digits) else { return nil }
    let plain = digits.filter { $0 != "_" }
    guard plain.first != "-", plain.first != "+" else { return nil }
    return Int(sign + plain, radix: base)
}

/// `float(text)`; nil when it is no number.
func pythonDouble(_ text: String) -> Double? {
    let trimmed = text.stripped()
    switch trimmed.lowercased() {
    case "inf", "+inf", "infinity", "+infinity": return .infinity
    case "-inf", "-infinity": return -.infinity
    case "nan", "+nan", "-nan": return .nan
    default: break
    }
    guard isGrouped(trimmed[...]), trimmed.utf8.allSatisfy({ "0123456789+-.eE_".utf8.contains($0) }) else { return nil }
    let plain = trimmed.filter { $0 != "_" }
    // Swift refuses "1." and ".5"; Python reads them.
    var parts = plain.lowercased().split(separator: "e", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard parts[0].contains(where: \.isNumber) else { return nil }
    if parts[0].hasSuffix(".") { parts[0] += "0" }
    if let point = parts[0].firstIndex(of: "."),
        point == parts[0].startIndex || !parts[0][..<point].contains(where: \.isNumber)
    {
        parts[0].insert("0", at: point)
    }
    return Double(parts.joined(separator: "e"))
}

/// Underscores only between digits.
private func isGrouped(_ text: Substring) -> Bool {
    !text.isEmpty && text.first != "_" && text.last != "_" && !text.contains("__")
}

/// `round(value, digits)`: exact decimal value, halves to even, as C's `printf` rounds.
func pythonRounded(_ value: Double, digits: Int) -> Double {
    guard value.isFinite, digits < 330 else { return value }
    if digits >= 0 { return Double(String(format: "%.\(digits)f", value)) ?? value }
    guard digits > -310 else { return 0 }
    let unit = pow(10, Double(-digits))
    return (value / unit).rounded(.toNearestOrEven) * unit
}
