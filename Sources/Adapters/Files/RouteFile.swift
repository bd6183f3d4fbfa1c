/// `route.yaml`: what the router knows of an adapter from the moment it is served.
package enum RouteFile {
    package static func text(description: String, examples: [String]) -> String {
        var lines = ["# When the router should choose this adapter. A file of its name in the operator's routes folder goes before this one."]
        lines.append("description: \(quoted(description))")
        if !examples.isEmpty { lines += ["examples:"] + examples.map { "- \(quoted($0))" } }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A double-quoted scalar of YAML 1.1 on one line. Characters that YAML does not print, or takes for the end of a line, are escaped.
    package static func quoted(_ text: String) -> String {
        var line = "\""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22: line += "\\\""
            case 0x5C: line += "\\\\"
            case 0x0A: line += "\\n"
            case 0x09: line += "\\t"
            case 0x0D: line += "\\r"
            case 0x20...0x7E, 0xA0...0x2027, 0x202A...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD: line.unicodeScalars.append(scalar)
            default: line += escape(scalar.value)
            }
        }
        return line + "\""
    }

    private static func escape(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        let (letter, width) = value <= 0xFF ? ("x", 2) : value <= 0xFFFF ? ("u", 4) : ("U", 8)
        return "\\\(letter)" + String(repeating: "0", count: width - digits.count) + digits
    }
}
