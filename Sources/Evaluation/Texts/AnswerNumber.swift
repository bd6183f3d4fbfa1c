/// The number that a worked answer ends with: GSM8K's, after `####`, or else the last one of the text.
///
/// Commas between groups of three digits, a dollar sign and zeros that say nothing are left out: `$1,234.50` is `1234.5`. Digits are
/// compared, not floating-point numbers, so that long ones keep their last digits.
public struct AnswerNumber: Sendable, Hashable, CustomStringConvertible {
    private let isNegative: Bool
    private let whole: String
    private let fraction: String

    public var description: String { "\(isNegative ? "-" : "")\(whole)\(fraction.isEmpty ? "" : ".\(fraction)")" }

    /// Nil for a text without a number.
    public init?(in text: String) {
        let bytes = Array(text.utf8)
        if let mark = Self.lastMark(bytes) {
            guard let (number, _) = Self.next(bytes, from: mark) else { return nil }
            self = number
            return
        }
        var last: AnswerNumber?
        var place = 0
        while let (number, end) = Self.next(bytes, from: place) { (last, place) = (number, end) }
        guard let last else { return nil }
        self = last
    }

    /// Whether a text says where its number is, or is one.
    public static func isMarked(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        if let mark = lastMark(bytes) { return next(bytes, from: mark) != nil }
        return !bytes.isEmpty && bytes.contains(where: isDigit)
            && bytes.allSatisfy { isDigit($0) || " \n,.$-%".utf8.contains($0) }
    }

    /// Behind the last `####`.
    private static func lastMark(_ bytes: [UInt8]) -> Int? {
        let sign = UInt8(ascii: "#")
        guard bytes.count >= 4 else { return nil }
        for start in (0...(bytes.count - 4)).reversed() where bytes[start..<(start + 4)].allSatisfy({ $0 == sign }) { return start + 4 }
        return nil
    }

    /// The first number at or behind a place, and where it ends.
    private static func next(_ bytes: [UInt8], from start: Int) -> (AnswerNumber, end: Int)? {
        guard var place = bytes[start...].firstIndex(where: isDigit) else { return nil }
        let first = place
        var whole: [UInt8] = []
        // `.5` has no digit before its point, which no digit or letter precedes.
        let hasPoint = first > 0 && bytes[first - 1] == UInt8(ascii: ".") && (first < 2 || !isWordPart(bytes[first - 2]))
        if !hasPoint {
            (whole, place) = digits(bytes, place)
            var groups: [UInt8] = []
            while whole.count <= 3, let group = group(bytes, place) {
                groups += group
                place += 4
            }
            whole += groups
        }
        var fraction: [UInt8] = []
        if hasPoint {
            (fraction, place) = digits(bytes, place)
        } else if place + 1 < bytes.count, bytes[place] == UInt8(ascii: "."), isDigit(bytes[place + 1]) {
            (fraction, place) = digits(bytes, place + 1)
        }
        let number = AnswerNumber(whole, fraction, isNegative: hasMinus(bytes, before: hasPoint ? first - 1 : first))
        return (number, place)
    }

    private init(_ whole: [UInt8], _ fraction: [UInt8], isNegative: Bool) {
        let zero = UInt8(ascii: "0")
        let digits = whole.drop { $0 == zero }
        var decimals = fraction[...]
        while decimals.last == zero { decimals.removeLast() }
        self.whole = digits.isEmpty ? "0" : String(decoding: digits, as: UTF8.self)
        self.fraction = String(decoding: decimals, as: UTF8.self)
        self.isNegative = isNegative && !(digits.isEmpty && decimals.isEmpty)
    }

    private static func digits(_ bytes: [UInt8], _ start: Int) -> ([UInt8], end: Int) {
        let digits = Array(bytes[start...].prefix(while: isDigit))
        return (digits, start + digits.count)
    }

    /// Three digits behind a comma, and no fourth one.
    private static func group(_ bytes: [UInt8], _ place: Int) -> ArraySlice<UInt8>? {
        guard place + 3 < bytes.count, bytes[place] == UInt8(ascii: ",") else { return nil }
        let group = bytes[(place + 1)...(place + 3)]
        guard group.allSatisfy(isDigit), place + 4 == bytes.count || !isDigit(bytes[place + 4]) else { return nil }
        return group
    }

    /// A minus sign before the number, or before its dollar sign, that subtracts nothing: `5-3` has none, `= -3` has one.
    private static func hasMinus(_ bytes: [UInt8], before first: Int) -> Bool {
        var place = first - 1
        if place >= 0, bytes[place] == UInt8(ascii: "$") { place -= 1 }
        guard place >= 0, bytes[place] == UInt8(ascii: "-") else { return false }
        return place == 0 || !(isWordPart(bytes[place - 1]) || bytes[place - 1] == UInt8(ascii: ")"))
    }

    private static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }

    private static func isWordPart(_ byte: UInt8) -> Bool {
        isDigit(byte) || UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20 || byte >= 0x80
    }
}
