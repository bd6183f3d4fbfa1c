/// Filters on text. Each reads its value as `str` would print it.
extension Filters {
    static let texts: [String: Filter] = [
        "capitalize": plain { $0.pythonCapitalized },
        "lower": plain { $0.pythonLower },
        "upper": plain { $0.pythonUpper },
        "title": plain(titled),
        "string": plain { $0 },
        "safe": plain { $0 },
        "escape": plain(escaped), "e": plain(escaped), "forceescape": plain(escaped),
        "trim": { interpreter, value, arguments throws(TemplateError) in
            let characters = try arguments.bind("trim()", "chars")[0].optionalString("trim()")
            let text = try interpreter.meter.text(of: value)
            try interpreter.meter.create(bytes: text.utf8.count)
            return .string(text.stripped(characters))
        },
        "replace": { interpreter, value, arguments throws(TemplateError) in
            let values = try arguments.bind("replace()", "old", "new", "count", required: 2)
            let text = try interpreter.meter.text(of: value)
            let old = try interpreter.meter.text(of: values[0] ?? .none)
            let new = try interpreter.meter.text(of: values[1] ?? .none)
            let count = try values[2].integer("replace()", or: -1)
            return .string(try StringMethods.replaced(text, old, new, count, interpreter.meter))
        },
        "join": { interpreter, value, arguments throws(TemplateError) in
            let values = try arguments.bind("join()", "d", "attribute")
            let separator = try interpreter.meter.text(of: values[0] ?? .string(""))
            var elements = try interpreter.meter.elements(of: value)
            if let attribute = values[1], !attribute.isNone {
                let getter = try AttributeGetter(attribute, interpreter)
                elements = try elements.map { element throws(TemplateError) in try getter.value(of: element) }
            }
            return .string(try joined(elements, separator, interpreter.meter))
        },
        "indent": { interpreter, value, arguments throws(TemplateError) in
            try indented(value, arguments, interpreter.meter)
        },
        "center": { interpreter, value, arguments throws(TemplateError) in
            var arguments = arguments
            if arguments.positional.isEmpty, arguments.named.isEmpty { arguments.positional = [.integer(80)] }
            arguments.positional += arguments.named.map(\.value)
            arguments.named = []
            let text = try interpreter.meter.text(of: value)
            return try StringMethods.call("center", of: text, arguments, interpreter.meter)
        },
        "wordcount": { interpreter, value, _ throws(TemplateError) in
            let text = try interpreter.meter.text(of: value)
            let words = text.unicodeScalars.split {
                !($0.properties.isAlphabetic || $0.properties.numericType != nil || $0 == "_")
            }
            return .integer(words.count)
        },
        "truncate": { interpreter, value, arguments throws(TemplateError) in
            try truncated(value, arguments, interpreter.meter)
        },
        "format": { interpreter, value, arguments throws(TemplateError) in
            let format = try interpreter.meter.text(of: value)
            guard arguments.named.isEmpty || arguments.positional.isEmpty else {
                throw TemplateError(.type, "can't handle positional and keyword arguments at the same time")
            }
            let values: Value =
                arguments.named.isEmpty
                ? .tuple(arguments.positional)
                : .dictionary(Mapping(uniqueEntries: arguments.named.map { (.string($0.name), $0.value) }))
            return .string(try interpreter.meter.formatted(format, values))
        },
    ]

    private static func plain(_ transform: @escaping @Sendable (String) -> String) -> Filter {
        { interpreter, value, arguments throws(TemplateError) in
            _ = try arguments.bind("the filter")
            let text = try interpreter.meter.text(of: value)
            try interpreter.meter.create(bytes: 6 * text.utf8.count)
            return .string(transform(text))
        }
    }

    static func joined(_ elements: [Value], _ separator: String, _ meter: Meter) throws(TemplateError) -> String {
        var result = ""
        for (index, element) in elements.enumerated() {
            try meter.step()
            let piece = (index > 0 ? separator : "") + (try meter.text(of: element))
            try meter.create(bytes: piece.utf8.count)
            guard result.utf8.count + piece.utf8.count <= meter.limits.outputBytes else {
                throw TemplateError(.limitExceeded, "a text is longer than \(meter.limits.outputBytes) bytes")
            }
            result += piece
        }
        return result
    }

    /// A capital at the start of each word; words begin after spaces, hyphens and opening brackets.
    private static func titled(_ text: String) -> String {
        var result = ""
        var word = String.UnicodeScalarView()
        func finished() -> String {
            guard let first = word.first else { return "" }
            return String(Character(first)).pythonUpper + String(word.dropFirst()).pythonLower
        }
        for scalar in text.unicodeScalars {
            if isPythonSpace(scalar) || "-({[<".unicodeScalars.contains(scalar) {
                result += finished()
                word = String.UnicodeScalarView()
                result.unicodeScalars.append(scalar)
            } else {
                word.append(scalar)
            }
        }
        return result + finished()
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "'": result += "&#39;"
            case "\"": result += "&#34;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func indented(_ value: Value, _ arguments: Arguments, _ meter: Meter) throws(TemplateError) -> Value {
        let values = try arguments.bind("indent()", "width", "first", "blank")
        guard case .string(let text) = value else {
            if case .undefined(let undefined) = value { throw undefined.error }
            throw TemplateError(.type, "indent() needs a string, not '\(value.typeName)'")
        }
        let indention: String
        if case .string(let text)? = values[0] {
            indention = text
        } else {
            let width = try values[0].integer("indent()", or: 4)
            try meter.create(repeating: 1, count: width)
            indention = String(repeating: " ", count: max(0, width))
        }
        let lines = (text + "\n").pythonLines()
        try meter.create(repeating: indention.utf8.count, count: lines.count + 1)
        try meter.create(bytes: text.utf8.count)
        var result = values[1].isTrue ? indention : ""
        for (index, line) in lines.enumerated() {
            if index > 0 {
                result += "\n"
                if values[2].isTrue || !line.isEmpty { result += indention }
            }
            result += line
        }
        return .string(result)
    }

    private static func truncated(_ value: Value, _ arguments: Arguments, _ meter: Meter) throws(TemplateError) -> Value {
        let values = try arguments.bind("truncate()", "length", "killwords", "end", "leeway")
        let text = try meter.text(of: value)
        let end = try values[2].string("truncate()", or: "...")
        let length = try values[0].integer("truncate()", or: 255)
        let leeway = try values[3].integer("truncate()", or: 5)
        let kept = length.subtractingReportingOverflow(end.unicodeScalars.count)
        guard !kept.overflow, kept.partialValue >= 0, leeway >= 0 else {
            throw TemplateError(.value, "truncate() needs a length of at least \(end.unicodeScalars.count)")
        }
        let (bound, overflow) = length.addingReportingOverflow(leeway)
        if overflow || text.unicodeScalars.count <= bound { return .string(text) }
        try meter.create(bytes: text.utf8.count + end.utf8.count)
        let start = String(text.unicodeScalars.prefix(kept.partialValue))
        if values[1].isTrue { return .string(start + end) }
        return .string((start.pythonSplit(" ", limit: 1, fromRight: true).first ?? start) + end)
    }
}
