/// Python's methods of `str`.
enum StringMethods {
    static let names: Set<String> = [
        "capitalize", "casefold", "center", "count", "endswith", "expandtabs", "find", "format", "index", "isalnum",
        "isalpha", "isascii", "isdecimal", "isdigit", "islower", "isnumeric", "isspace", "istitle", "isupper", "join",
        "ljust", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind", "rindex", "rjust",
        "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title", "upper",
        "zfill",
    ]

    static func call(
        _ name: String, of text: String, _ arguments: Arguments, _ meter: Meter
    ) throws(TemplateError) -> Value {
        try meter.read(text)
        try meter.create(bytes: text.utf8.count)
        try meter.read(arguments)
        let callee = "\(name)()"
        switch name {
        case "strip", "lstrip", "rstrip":
            let characters = try arguments.bind(callee, "chars")[0].optionalString(callee)
            return .string(text.stripped(characters, name == "strip" ? .both : name == "lstrip" ? .left : .right))
        case "split", "rsplit": return try split(text, arguments, meter, fromRight: name == "rsplit")
        case "splitlines":
            let lines = text.pythonLines(keepingEnds: try arguments.bind(callee, "keepends")[0].isTrue)
            return .list(try strings(lines, meter))
        case "startswith", "endswith": return .bool(try hasAffix(text, name, arguments, meter))
        case "replace":
            let values = try arguments.bind(callee, "old", "new", "count", required: 2)
            return .string(
                try replaced(
                    text, values[0].string(callee, or: ""), values[1].string(callee, or: ""),
                    values[2].integer(callee, or: -1), meter))
        case "join":
            let values = try arguments.bind(callee, "iterable", required: 1)
            let elements = try meter.elements(of: values[0] ?? .none)
            for element in elements {
                try meter.step()
                _ = try Value?(element).string(callee, or: "")
            }
            return .string(try Filters.joined(elements, text, meter))
        case "find", "rfind", "index", "rindex", "count": return try search(text, name, arguments)
        case "partition", "rpartition": return try partition(text, arguments, fromRight: name == "rpartition")
        case "removeprefix", "removesuffix":
            let affix = try arguments.bind(callee, "affix", required: 1)[0].string(callee, or: "")
            if name == "removeprefix" {
                return .string(
                    text.starts(with: affix) ? String(text.unicodeScalars.dropFirst(affix.unicodeScalars.count)) : text)
            }
            return .string(text.ends(with: affix) ? String(text.unicodeScalars.dropLast(affix.unicodeScalars.count)) : text)
        case "center", "ljust", "rjust", "zfill": return .string(try padded(text, name, arguments, meter))
        case "format": return .string(try meter.formatted(braces: text, arguments))
        default:
            _ = try arguments.bind(callee)
            return try plain(name, text, meter)
        }
    }

    /// Methods without arguments.
    private static func plain(_ name: String, _ text: String, _ meter: Meter) throws(TemplateError) -> Value {
        try meter.create(bytes: 4 * text.utf8.count)
        switch name {
        case "upper": return .string(text.pythonUpper)
        case "lower", "casefold": return .string(text.pythonLower)
        case "title": return .string(text.pythonTitle)
        case "capitalize": return .string(text.pythonCapitalized)
        case "swapcase":
            return .string(
                text.unicodeScalars.flatMap { scalar in
                    let properties = scalar.properties
                    return (properties.isUppercase ? properties.lowercaseMapping : properties.uppercaseMapping)
                        .unicodeScalars
                })
        case "islower": return .bool(Tests.isCased(text) { $0.properties.isLowercase })
        case "isupper": return .bool(Tests.isCased(text) { $0.properties.isUppercase })
        case "istitle":
            return .bool(sameText(text, text.pythonTitle) && text.unicodeScalars.contains { $0.properties.isCased })
        case "isascii": return .bool(text.utf8.allSatisfy { $0 < 0x80 })
        default: return .bool(!text.isEmpty && text.unicodeScalars.allSatisfy { has(name, $0) })
        }
    }

    private static func has(_ name: String, _ scalar: Unicode.Scalar) -> Bool {
        let isLetter =
            switch scalar.properties.generalCategory {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
            default: false
            }
        let kind = scalar.properties.numericType
        switch name {
        case "isalpha": return isLetter
        case "isalnum": return isLetter || kind != nil
        case "isdecimal": return kind == .decimal
        case "isdigit": return kind == .decimal || kind == .digit
        case "isnumeric": return kind != nil
        case "isspace": return isPythonSpace(scalar)
        default: return false
        }
    }

    private static func strings(_ parts: [String], _ meter: Meter) throws(TemplateError) -> [Value] {
        try meter.create(elements: parts.count)
        return parts.map { .string($0) }
    }

    private static func split(
        _ text: String, _ arguments: Arguments, _ meter: Meter, fromRight: Bool
    ) throws(TemplateError) -> Value {
        let values = try arguments.bind("split()", "sep", "maxsplit")
        let limit = try values[1].integer("split()", or: -1)
        guard let separator = try values[0].optionalString("split()") else {
            return .list(try strings(text.pythonWords(limit: limit, fromRight: fromRight), meter))
        }
        guard !separator.isEmpty else { throw TemplateError(.value, "empty separator") }
        return .list(try strings(text.pythonSplit(separator, limit: limit, fromRight: fromRight), meter))
    }

    private static func hasAffix(
        _ text: String, _ name: String, _ arguments: Arguments, _ meter: Meter
    ) throws(TemplateError) -> Bool {
        let values = try arguments.bind("\(name)()", "prefix", "start", "end", required: 1)
        let part = try window(text, values[1], values[2])?.text
        let affixes: [Value] = if case .tuple(let elements)? = values[0] { elements.values } else { [values[0] ?? .none] }
        for affix in affixes {
            try meter.step()
            try meter.read(affix)
            guard case .string(let affix) = affix else {
                if case .undefined(let undefined) = affix { throw undefined.error }
                throw TemplateError(.type, "\(name) first arg must be str or a tuple of str, not \(affix.typeName)")
            }
            if let part, name == "startswith" ? part.starts(with: affix) : part.ends(with: affix) { return true }
        }
        return false
    }

    /// The code points `start..<end` of a text; nil when `start` lies behind the end.
    private static func window(_ text: String, _ start: Value?, _ end: Value?) throws(TemplateError) -> (
        text: String, start: Int
    )? {
        guard start != nil || end != nil else { return (text, 0) }
        let scalars = Array(text.unicodeScalars)
        func clamped(_ bound: Int) -> Int { max(0, bound < 0 ? bound + scalars.count : bound) }
        let first = clamped(try start.integer("the start", or: 0))
        let last = min(clamped(try end.integer("the end", or: scalars.count)), scalars.count)
        return first <= last ? (String(scalars: scalars[first..<last]), first) : nil
    }

    private static func search(_ text: String, _ name: String, _ arguments: Arguments) throws(TemplateError) -> Value {
        let values = try arguments.bind("\(name)()", "sub", "start", "end", required: 1)
        let wanted = try values[0].string("\(name)()", or: "")
        let part = try window(text, values[1], values[2])
        if name == "count" { return .integer(part?.text.occurrences(of: wanted) ?? 0) }
        if let part, let offset = part.text.offset(of: wanted, fromRight: name.hasPrefix("r")) {
            return .integer(part.start + offset)
        }
        guard name.hasSuffix("find") else { throw TemplateError(.value, "substring not found") }
        return .integer(-1)
    }

    private static func partition(_ text: String, _ arguments: Arguments, fromRight: Bool) throws(TemplateError) -> Value {
        let separator = try arguments.bind("partition()", "sep", required: 1)[0].string("partition()", or: "")
        guard !separator.isEmpty else { throw TemplateError(.value, "empty separator") }
        let parts = text.pythonSplit(separator, limit: 1, fromRight: fromRight)
        guard parts.count == 2 else {
            return .tuple((fromRight ? ["", "", text] : [text, "", ""]).map { .string($0) })
        }
        return .tuple([parts[0], separator, parts[1]].map { .string($0) })
    }

    /// `str.replace`; a negative count is all.
    static func replaced(
        _ text: String, _ old: String, _ new: String, _ count: Int, _ meter: Meter
    ) throws(TemplateError) -> String {
        try meter.read(bytes: text.utf8.count + old.utf8.count)
        let places = count < 0 ? text.occurrences(of: old) : min(count, text.occurrences(of: old))
        try meter.step(places / 16)
        try meter.create(bytes: text.utf8.count)
        try meter.create(repeating: new.utf8.count, count: places)
        if places == 0 { return text }
        guard old.isEmpty else { return text.pythonSplit(old, limit: places).joined(separator: new) }
        // Between all characters, and around them.
        var result = ""
        for (index, scalar) in text.unicodeScalars.enumerated() {
            if index < places { result += new }
            result.unicodeScalars.append(scalar)
        }
        return places > text.unicodeScalars.count ? result + new : result
    }

    private static func padded(
        _ text: String, _ name: String, _ arguments: Arguments, _ meter: Meter
    ) throws(TemplateError) -> String {
        let values = try arguments.bind("\(name)()", "width", "fillchar", required: 1)
        let width = try values[0].integer("\(name)()", or: 0)
        let filler = name == "zfill" ? "0" : try values[1].string("\(name)()", or: " ")
        guard filler.unicodeScalars.count == 1 else {
            throw TemplateError(.type, "the fill character must be exactly one character long")
        }
        let length = text.unicodeScalars.count
        guard width > length else { return text }
        try meter.create(repeating: filler.utf8.count, count: width)
        let missing = width - length
        func fill(_ count: Int) -> String { String(repeating: filler, count: count) }
        switch name {
        case "ljust": return text + fill(missing)
        case "rjust": return fill(missing) + text
        case "zfill":
            let signed = text.utf8.first == UInt8(ascii: "-") || text.utf8.first == UInt8(ascii: "+")
            return signed ? String(text.prefix(1)) + fill(missing) + text.dropFirst() : fill(missing) + text
        default:
            // Python puts the odd one to the left when the width is odd.
            let left = missing / 2 + (missing & width & 1)
            return fill(left) + text + fill(missing - left)
        }
    }
}
