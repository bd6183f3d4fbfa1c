/// Filters on sequences.
extension Filters {
    static let sequences: [String: Filter] = [
        "list": { interpreter, value, _ throws(TemplateError) in
            let elements = try interpreter.meter.elements(of: value)
            try interpreter.meter.create(elements: elements.count)
            return .list(elements)
        },
        "first": { interpreter, value, _ throws(TemplateError) in
            let first =
                if case .iterator(let iterator) = value { iterator.next() } else {
                    try interpreter.meter.elements(of: value).first
                }
            return first ?? .undefined(Undefined(message: "No first item, sequence was empty."))
        },
        "last": { interpreter, value, _ throws(TemplateError) in
            if case .iterator = value { throw TemplateError(.type, "'generator' object is not reversible") }
            if case .undefined(let undefined) = value { throw undefined.error }
            return try interpreter.meter.elements(of: value).last
                ?? .undefined(Undefined(message: "No last item, sequence was empty."))
        },
        "reverse": { interpreter, value, _ throws(TemplateError) in
            try interpreter.meter.create(bytes: 16)
            if case .string(let text) = value {
                try interpreter.meter.create(bytes: text.utf8.count)
                return .string(text.unicodeScalars.reversed())
            }
            let elements = try interpreter.meter.elements(of: value)
            try interpreter.meter.create(elements: elements.count)
            return .iterator(elements.reversed())
        },
        "items": { interpreter, value, _ throws(TemplateError) in
            if value.isUndefined { return .iterator([]) }
            guard case .dictionary(let mapping) = value else {
                throw TemplateError(.type, "Can only get item pairs from a mapping.")
            }
            try interpreter.meter.create(elements: 3 * mapping.entries.count)
            return .iterator(mapping.entries.map { .tuple([$0.key, $0.value]) })
        },
        "dictsort": { interpreter, value, arguments throws(TemplateError) in
            let values = try arguments.bind("dictsort()", "case_sensitive", "by", "reverse")
            guard case .dictionary(let mapping) = value else {
                if case .undefined(let undefined) = value { throw undefined.error }
                throw TemplateError(.type, "dictsort() needs a mapping, not '\(value.typeName)'")
            }
            let by = try values[1].string("dictsort()", or: "key")
            guard sameText(by, "key") || sameText(by, "value") else {
                throw TemplateError(.value, "You can only sort by either \"key\" or \"value\"")
            }
            try interpreter.meter.create(elements: 3 * mapping.entries.count)
            let getter = try AttributeGetter(.integer(sameText(by, "key") ? 0 : 1), interpreter)
            return .list(
                try sorted(
                    mapping.entries.map { .tuple([$0.key, $0.value]) }, by: [getter],
                    caseSensitive: values[0].isTrue, descending: values[2].isTrue, interpreter.meter))
        },
        "sort": { interpreter, value, arguments throws(TemplateError) in
            let values = try arguments.bind("sort()", "reverse", "case_sensitive", "attribute")
            var getters: [AttributeGetter] = []
            if case .string(let names)? = values[2] {
                for name in names.pythonSplit(",", limit: -1) {
                    try interpreter.meter.step()
                    getters.append(try AttributeGetter(.string(name), interpreter))
                }
            } else {
                getters = [try AttributeGetter(values[2], interpreter)]
            }
            return .list(
                try sorted(
                    interpreter.meter.elements(of: value), by: getters, caseSensitive: values[1].isTrue,
                    descending: values[0].isTrue, interpreter.meter))
        },
        "unique": { interpreter, value, arguments throws(TemplateError) in
            let values = try arguments.bind("unique()", "case_sensitive", "attribute")
            let getter = try AttributeGetter(values[1], interpreter)
            var seen: Set<Key> = []
            var unique: [Value] = []
            for element in try interpreter.meter.elements(of: value) {
                try interpreter.meter.create(bytes: 64)
                let key = try Mapping.key(getter.key(of: element, caseSensitive: values[0].isTrue), interpreter.meter)
                if seen.insert(key).inserted { unique.append(element) }
            }
            return .iterator(unique)
        },
        "min": { interpreter, value, arguments throws(TemplateError) in
            try extreme(value, arguments, interpreter) { candidate, best throws(TemplateError) in
                try interpreter.meter.less(candidate, best)
            }
        },
        "max": { interpreter, value, arguments throws(TemplateError) in
            try extreme(value, arguments, interpreter) { candidate, best throws(TemplateError) in
                try interpreter.meter.less(best, candidate, ">")
            }
        },
        "sum": { interpreter, value, arguments throws(TemplateError) in
            let values = try arguments.bind("sum()", "attribute", "start")
            let getter = try AttributeGetter(values[0], interpreter)
            var total = values[1] ?? .integer(0)
            for element in try interpreter.meter.elements(of: value) {
                total = try interpreter.meter.binary(.add, total, getter.value(of: element))
            }
            return total
        },
        "batch": { interpreter, value, arguments throws(TemplateError) in
            let values = try arguments.bind("batch()", "linecount", "fill_with", required: 1)
            let size = try values[0].integer("batch()", or: 1)
            guard size > 0 else { throw TemplateError(.value, "batch() needs a size above 0") }
            let elements = try interpreter.meter.elements(of: value)
            try interpreter.meter.create(elements: 2 * elements.count)
            var rows: [[Value]] = []
            for (index, element) in elements.enumerated() {
                if index % size == 0 { rows.append([]) }
                rows[rows.count - 1].append(element)
            }
            if let filler = values[1], !filler.isNone, let last = rows.last {
                try interpreter.meter.create(elements: size)
                rows[rows.count - 1] += Array(repeating: filler, count: size - last.count)
            }
            return .iterator(rows.map { .list($0) })
        },
        "groupby": { interpreter, value, arguments throws(TemplateError) in
            try grouped(value, arguments, interpreter)
        },
    ]

    /// A stable merge sort whose comparisons may throw.
    static func sorted(
        _ elements: [Value], by getters: [AttributeGetter], caseSensitive: Bool, descending: Bool, _ meter: Meter
    ) throws(TemplateError) -> [Value] {
        try meter.create(elements: 3 * elements.count)
        var keyed: [(keys: [Value], element: Value)] = []
        for element in elements {
            var keys: [Value] = []
            for getter in getters { keys.append(try getter.key(of: element, caseSensitive: caseSensitive)) }
            keyed.append((keys, element))
        }
        func precedes(_ left: [Value], _ right: [Value]) throws(TemplateError) -> Bool {
            for (left, right) in zip(left, right) where try !meter.equal(left, right) { return try meter.less(left, right) }
            return false
        }
        var width = 1
        while width < keyed.count {
            var merged: [(keys: [Value], element: Value)] = []
            merged.reserveCapacity(keyed.count)
            for start in stride(from: 0, to: keyed.count, by: 2 * width) {
                let middle = min(start + width, keyed.count)
                let end = min(start + 2 * width, keyed.count)
                var left = start
                var right = middle
                while left < middle, right < end {
                    let takesRight =
                        descending
                        ? try precedes(keyed[left].keys, keyed[right].keys)
                        : try precedes(keyed[right].keys, keyed[left].keys)
                    merged.append(keyed[takesRight ? right : left])
                    if takesRight { right += 1 } else { left += 1 }
                }
                merged += keyed[left..<middle]
                merged += keyed[right..<end]
            }
            keyed = merged
            width *= 2
        }
        return keyed.map(\.element)
    }

    private static func extreme(
        _ value: Value, _ arguments: Arguments, _ interpreter: Interpreter,
        _ wins: (Value, Value) throws(TemplateError) -> Bool
    ) throws(TemplateError) -> Value {
        let values = try arguments.bind("min() and max()", "case_sensitive", "attribute")
        let getter = try AttributeGetter(values[1], interpreter)
        var best: (key: Value, element: Value)?
        for element in try interpreter.meter.elements(of: value) {
            let key = try getter.key(of: element, caseSensitive: values[0].isTrue)
            if let known = best, try !wins(key, known.key) { continue }
            best = (key, element)
        }
        return best?.element ?? .undefined(Undefined(message: "No aggregated item, sequence was empty."))
    }

    private static func grouped(
        _ value: Value, _ arguments: Arguments, _ interpreter: Interpreter
    ) throws(TemplateError) -> Value {
        let values = try arguments.bind("groupby()", "attribute", "default", "case_sensitive", required: 1)
        let caseSensitive = values[2].isTrue
        let getter = try AttributeGetter(values[0], interpreter, fallback: values[1])
        let elements = try sorted(
            interpreter.meter.elements(of: value), by: [getter], caseSensitive: caseSensitive, descending: false,
            interpreter.meter)
        var groups: [(key: Value, members: [Value])] = []
        for element in elements {
            let key = try getter.key(of: element, caseSensitive: caseSensitive)
            if let last = groups.last, try interpreter.meter.equal(last.key, key) {
                groups[groups.count - 1].members.append(element)
            } else {
                groups.append((key, [element]))
            }
        }
        var result: [Value] = []
        for group in groups { result.append(.tuple([try getter.value(of: group.members[0]), .list(group.members)])) }
        return .list(result)
    }
}
