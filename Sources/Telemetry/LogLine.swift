import Logging

/// One message with its fields, ready to be written.
struct LogLine {
    let wallMilliseconds: Int64
    let level: Logger.Level
    let message: String
    let fields: [(name: String, value: LogField)]

    /// `2026-11-24T20:14:33.120Z info    listening port=8080`
    var text: String {
        let padding = String(repeating: " ", count: max(0, 7 - level.rawValue.utf8.count))
        var line = "\(Self.timestamp(wallMilliseconds)) \(level.rawValue)\(padding) \(Self.escaped(message))"
        for (name, value) in fields {
            line += " \(name)="
            switch value {
            case .text(let string):
                let needsQuotes = string.isEmpty || string.utf8.contains { $0 <= 0x20 || $0 == 0x22 || $0 == 0x3D || $0 == 0x7F }
                line += needsQuotes ? Self.quoted(string) : string
            case .integer(let integer): line += String(integer)
            case .number(let number): line += String(number)
            case .flag(let flag): line += String(flag)
            }
        }
        return line
    }

    /// One JSON object: `time`, `level`, `message`, then the fields.
    var json: String {
        var line = "{\"time\":\"\(Self.timestamp(wallMilliseconds))\",\"level\":\"\(level.rawValue)\","
            + "\"message\":\(Self.quoted(message))"
        for (name, value) in fields {
            line += ",\(Self.quoted(name)):"
            switch value {
            case .text(let string): line += Self.quoted(string)
            case .integer(let integer): line += String(integer)
            // JSON has no infinity.
            case .number(let number): line += number.isFinite ? String(number) : "null"
            case .flag(let flag): line += String(flag)
            }
        }
        return line + "}"
    }

    /// Cut at a character's end.
    static func cut(_ text: String) -> String {
        guard text.utf8.count > LineLogHandler.maximumFieldBytes else { return text }
        var end = text.utf8.index(text.utf8.startIndex, offsetBy: LineLogHandler.maximumFieldBytes)
        while end.samePosition(in: text.unicodeScalars) == nil { end = text.utf8.index(before: end) }
        return text[..<end] + "…"
    }

    /// A JSON string: control characters are escaped, so that no value starts a line of its own.
    private static func quoted(_ string: String) -> String { "\"\(escaped(string, quote: true))\"" }

    private static func escaped(_ string: String, quote: Bool = false) -> String {
        guard string.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F || $0 == 0x22 || $0 == 0x5C }) else { return string }
        var result = ""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\"", "\\":
                if quote { result += "\\" }
                result.unicodeScalars.append(scalar)
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// RFC 3339 in UTC, with milliseconds (civil date from days: Hinnant, chrono-compatible date algorithms).
    static func timestamp(_ milliseconds: Int64) -> String {
        let seconds = milliseconds.quotientFloor(1000)
        let days = seconds.quotientFloor(86_400)
        let second = seconds - days * 86_400
        let shifted = days + 719_468
        let era = shifted.quotientFloor(146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        func padded(_ value: Int64, _ width: Int = 2) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return "\(padded(year, 4))-\(padded(month))-\(padded(day))T\(padded(second / 3600)):\(padded(second / 60 % 60)):"
            + "\(padded(second % 60)).\(padded(milliseconds - seconds * 1000, 3))Z"
    }
}

extension Int64 {
    /// Division that rounds down.
    fileprivate func quotientFloor(_ divisor: Int64) -> Int64 {
        self >= 0 ? self / divisor : (self - divisor + 1) / divisor
    }
}
