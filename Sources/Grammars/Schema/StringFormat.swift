/// The formats of strings that are enforced. JSON Schema lets a reader ignore formats; those that are not here are.
enum StringFormat {
    /// The parsed expression of the whole string; nil: the format is not enforced.
    static func expression(_ name: String) -> Expression? {
        guard let pattern = patterns[name] else { return nil }
        do throws(GrammarError) {
            return try ExpressionParser.parse(pattern, limits: GrammarLimits())
        } catch {
            preconditionFailure("the expression of the format \(name) does not parse: \(error)")
        }
    }

    private static let date =
        "((([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)|([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
        + "|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))))"
    private static let time = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
    private static let octet = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
    private static let ipv4 = "\(octet)(\\.\(octet)){3}"
    private static let label = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    private static let ipv6: String = {
        let h = "[0-9a-fA-F]{1,4}"
        let tail = "(\(h):\(h)|\(ipv4))"
        var forms = ["(\(h):){6}\(tail)"]
        for before in 0...5 {
            let head = before == 0 ? "" : "(\(h)(:\(h)){0,\(before - 1)})?"
            let after = 5 - before
            forms.append(after == 0 ? "\(head)::\(tail)" : "\(head)::(\(h):){\(after)}\(tail)")
        }
        forms.append("(\(h)(:\(h)){0,5})?::\(h)")
        forms.append("(\(h)(:\(h)){0,6})?::")
        return forms.map { "(\($0))" }.joined(separator: "|")
    }()
    private static let word = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
    private static let uriCharacter = "([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"

    private static let patterns = [
        "date": date,
        "time": time,
        "date-time": "\(date)T\(time)",
        "duration":
            "P([0-9]+W|([0-9]+Y([0-9]+M([0-9]+D)?)?|[0-9]+M([0-9]+D)?|[0-9]+D)(T([0-9]+H([0-9]+M([0-9]+S)?)?|[0-9]+M([0-9]+S)?|[0-9]+S))?"
            + "|T([0-9]+H([0-9]+M([0-9]+S)?)?|[0-9]+M([0-9]+S)?|[0-9]+S))",
        "email": "\(word)(\\.\(word))*@\(label)(\\.\(label))*",
        "hostname": "\(label)(\\.\(label))*",
        "ipv4": ipv4,
        "ipv6": ipv6,
        "uuid": "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
        "uri":
            "[A-Za-z][A-Za-z0-9+.-]*:(//(\(uriCharacter)|\\[[0-9A-Fa-f:.]+\\])*(/\(uriCharacter)*)*|/?\(uriCharacter)+(/\(uriCharacter)*)*)"
            + "(\\?(\(uriCharacter)|[/?])*)?(#(\(uriCharacter)|[/?])*)?",
    ]
}
