import Foundation

/// The functions that every template has.
enum GlobalFunction: String, CaseIterable {
    case raiseException = "raise_exception"
    case strftimeNow = "strftime_now"
    case namespace
    case dict
    case range
}

extension Interpreter {
    func call(_ callee: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        switch callee {
        case .undefined(let undefined): throw undefined.error
        case .callable(.macro(let macro)): return try call(macro, arguments)
        case .callable(.function(let function)): return try made(call(function, arguments))
        case .callable(.method(let receiver, let name)): return try made(call(name, of: receiver, arguments))
        default: throw TemplateError(.type, "'\(callee.typeName)' object is not callable")
        }
    }

    private func call(_ name: String, of receiver: Value, _ arguments: Arguments) throws(TemplateError) -> Value {
        switch receiver {
        case .string(let text): try StringMethods.call(name, of: text, arguments, meter)
        case .loop(let loop): try call(name, of: loop, arguments)
        default: try Methods.call(name, of: receiver, arguments, meter)
        }
    }

    private func call(_ name: String, of loop: LoopState, _ arguments: Arguments) throws(TemplateError) -> Value {
        if name == "cycle" {
            guard !arguments.positional.isEmpty else { throw TemplateError(.type, "no items for cycling given") }
            return arguments.positional[loop.index0 % arguments.positional.count]
        }
        let value = Value.tuple(arguments.positional)
        let isSame = if let last = loop.changed { try meter.equal(last, value) } else { false }
        loop.changed = value
        return .bool(!isSame)
    }

    private func call(_ function: GlobalFunction, _ arguments: Arguments) throws(TemplateError) -> Value {
        switch function {
        case .raiseException:
            let values = try arguments.bind("raise_exception()", "message", required: 1)
            throw TemplateError(.raised, try meter.text(of: values[0] ?? .none))
        case .strftimeNow:
            let values = try arguments.bind("strftime_now()", "format", required: 1)
            return .string(try formatted(time: values[0].string("strftime_now()", or: "")))
        case .namespace:
            var attributes: [(name: String, value: Value)] = []
            for entry in try entries(arguments).entries {
                guard case .string(let name) = entry.key else { throw TemplateError(.type, "names must be strings") }
                guard !name.hasPrefix("_") else {
                    throw TemplateError(.security, "a namespace can't have the attribute '\(name)'")
                }
                attributes.append((name, entry.value))
            }
            return try makeNamespace(attributes)
        case .dict: return .dictionary(try entries(arguments))
        case .range: return try range(arguments)
        }
    }

    /// The arguments of Python's `dict`: a dictionary or pairs, and keywords.
    private func entries(_ arguments: Arguments) throws(TemplateError) -> Mapping {
        guard arguments.positional.count <= 1 else {
            throw TemplateError(.type, "dict expected at most 1 argument, got \(arguments.positional.count)")
        }
        var entries: [(key: Value, value: Value)] = []
        switch arguments.positional.first {
        case nil: break
        case .dictionary(let mapping)?: entries = mapping.entries
        case .some(let pairs):
            for pair in try meter.elements(of: pairs) {
                try meter.step()
                let parts = try meter.elements(of: pair)
                guard parts.count == 2 else {
                    throw TemplateError(.value, "a pair has \(parts.count) elements; 2 are required")
                }
                entries.append((parts[0], parts[1]))
            }
        }
        try meter.create(elements: 2 * (entries.count + arguments.named.count))
        return try Mapping(entries + arguments.named.map { (.string($0.name), $0.value) }, meter)
    }

    private func range(_ arguments: Arguments) throws(TemplateError) -> Value {
        guard arguments.named.isEmpty, (1...3).contains(arguments.positional.count) else {
            throw TemplateError(.type, "range takes 1 to 3 arguments and no names")
        }
        var bounds: [Int] = []
        for value in arguments.positional { bounds.append(try Value?(value).integer("range()", or: 0)) }
        let start = bounds.count == 1 ? 0 : bounds[0]
        let end = bounds.count == 1 ? bounds[0] : bounds[1]
        let step = bounds.count == 3 ? bounds[2] : 1
        guard step != 0 else { throw TemplateError(.value, "range() arg 3 must not be zero") }
        let isEmpty = step > 0 ? start >= end : start <= end
        let (distance, overflow) = end.subtractingReportingOverflow(start)
        let count = isEmpty ? 0 : overflow ? UInt.max : (distance.magnitude - 1) / step.magnitude + 1
        guard count <= UInt(max(0, meter.limits.rangeLength)) else {
            throw TemplateError(.limitExceeded, "range too big: at most \(meter.limits.rangeLength) elements")
        }
        try meter.create(elements: Int(count))
        let description = bounds.count == 3 && step != 1 ? "range(\(start), \(end), \(step))" : "range(\(start), \(end))"
        return .range(
            Elements((0..<Int(count)).map { .integer(start + $0 * step) }), description: description)
    }

    /// C's `strftime`, which Python's calls too.
    private func formatted(time format: String) throws(TemplateError) -> String {
        guard format.utf8.count <= 256, !format.utf8.contains(0) else {
            throw TemplateError(.limitExceeded, "a time format is longer than 256 bytes")
        }
        if format.isEmpty { return "" }
        var seconds = time_t(now.timeIntervalSince1970.rounded(.down))
        var parts = tm()
        localtime_r(&seconds, &parts)
        let microseconds = Int((now.timeIntervalSince1970 - Double(seconds)) * 1e6)
        let digits = String(microseconds)
        let fraction = String(repeating: "0", count: max(0, 6 - digits.count)) + digits
        let expanded = format.replacingOccurrences(of: "%f", with: fraction)
        var buffer = [CChar](repeating: 0, count: 4096)
        let length = strftime(&buffer, buffer.count, expanded, &parts)
        return String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
