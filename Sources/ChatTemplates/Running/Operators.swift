import Foundation

/// Python's arithmetic on 64-bit integers, floats, strings and lists.
extension Meter {
    func negated(_ value: Value) throws(TemplateError) -> Value {
        if case .undefined(let undefined) = value { throw undefined.error }
        if let integer = value.integerValue {
            let (result, overflow) = (0).subtractingReportingOverflow(integer)
            return .integer(try checked(result, overflow))
        }
        guard case .number(let number) = value else {
            throw TemplateError(.type, "bad operand type for unary -: '\(value.typeName)'")
        }
        return .number(-number)
    }

    func plus(_ value: Value) throws(TemplateError) -> Value {
        if case .undefined(let undefined) = value { throw undefined.error }
        if let integer = value.integerValue { return .integer(integer) }
        guard case .number = value else {
            throw TemplateError(.type, "bad operand type for unary +: '\(value.typeName)'")
        }
        return value
    }

    func binary(_ operation: BinaryOperator, _ left: Value, _ right: Value) throws(TemplateError) -> Value {
        switch (left, right) {
        case (.string(let format), _) where operation == .modulo: return .string(try formatted(format, right))
        case (.undefined(let undefined), _), (_, .undefined(let undefined)): throw undefined.error
        default: break
        }
        if let left = left.integerValue, let right = right.integerValue { return try integers(operation, left, right) }
        if let left = left.doubleValue, let right = right.doubleValue { return try numbers(operation, left, right) }
        switch operation {
        case .add: return try sum(left, right)
        case .multiply:
            if let count = right.integerValue { return try repeated(left, count, right) }
            if let count = left.integerValue { return try repeated(right, count, left) }
            throw unsupported(operation, left, right)
        default: throw unsupported(operation, left, right)
        }
    }

    private func unsupported(_ operation: BinaryOperator, _ left: Value, _ right: Value) -> TemplateError {
        if operation == .add, case .string = left {
            return TemplateError(.type, "can only concatenate str (not \"\(right.typeName)\") to str")
        }
        return TemplateError(
            .type, "unsupported operand type(s) for \(operation.rawValue): '\(left.typeName)' and '\(right.typeName)'")
    }

    private func sum(_ left: Value, _ right: Value) throws(TemplateError) -> Value {
        switch (left, right) {
        case (.string(let left), .string(let right)):
            try create(bytes: left.utf8.count + right.utf8.count)
            return .string(left + right)
        case (.list(let left), .list(let right)):
            try create(elements: left.values.count + right.values.count)
            return .list(left.values + right.values)
        case (.tuple(let left), .tuple(let right)):
            try create(elements: left.values.count + right.values.count)
            return .tuple(left.values + right.values)
        default: throw unsupported(.add, left, right)
        }
    }

    private func repeated(_ value: Value, _ count: Int, _ other: Value) throws(TemplateError) -> Value {
        switch value {
        case .string(let text):
            try create(repeating: text.utf8.count, count: count)
            return .string(text.isEmpty ? "" : String(repeating: text, count: max(0, count)))
        case .list(let elements): return .list(try repeated(elements.values, count))
        case .tuple(let elements): return .tuple(try repeated(elements.values, count))
        default: throw unsupported(.multiply, value, other)
        }
    }

    private func repeated(_ values: [Value], _ count: Int) throws(TemplateError) -> [Value] {
        guard !values.isEmpty, count > 0 else { return [] }
        let (total, overflow) = values.count.multipliedReportingOverflow(by: count)
        try create(elements: overflow ? .max : total)
        return Array([[Value]](repeating: values, count: count).joined())
    }

    // MARK: Numbers

    private func checked(_ value: Int, _ overflow: Bool) throws(TemplateError) -> Int {
        guard !overflow else { throw TemplateError(.value, "the integer does not fit 64 bits") }
        return value
    }

    private func integers(_ operation: BinaryOperator, _ left: Int, _ right: Int) throws(TemplateError) -> Value {
        switch operation {
        case .add:
            let (result, overflow) = left.addingReportingOverflow(right)
            return .integer(try checked(result, overflow))
        case .subtract:
            let (result, overflow) = left.subtractingReportingOverflow(right)
            return .integer(try checked(result, overflow))
        case .multiply:
            let (result, overflow) = left.multipliedReportingOverflow(by: right)
            return .integer(try checked(result, overflow))
        case .divide: return try numbers(.divide, Double(left), Double(right))
        case .floorDivide, .modulo:
            guard right != 0 else { throw TemplateError(.value, "integer division or modulo by zero") }
            let (quotient, overflow) = left.dividedReportingOverflow(by: right)
            if operation == .modulo, right == -1 { return .integer(0) }
            let remainder = overflow ? 0 : left % right
            // Python rounds down, so a remainder has the divisor's sign.
            let isBelow = remainder != 0 && (remainder < 0) != (right < 0)
            if operation == .modulo { return .integer(isBelow ? remainder + right : remainder) }
            return .integer(try checked(isBelow ? quotient - 1 : quotient, overflow))
        case .power:
            if right < 0 { return try numbers(.power, Double(left), Double(right)) }
            return .integer(try power(left, right))
        }
    }

    private func power(_ base: Int, _ exponent: Int) throws(TemplateError) -> Int {
        if base == 0 || base == 1 { return exponent == 0 ? 1 : base }
        if base == -1 { return exponent % 2 == 0 ? 1 : -1 }
        guard exponent < 64 else { return try checked(0, true) }
        var result = 1
        for _ in 0..<exponent {
            let (product, overflow) = result.multipliedReportingOverflow(by: base)
            result = try checked(product, overflow)
        }
        return result
    }

    private func numbers(_ operation: BinaryOperator, _ left: Double, _ right: Double) throws(TemplateError) -> Value {
        switch operation {
        case .add: return .number(left + right)
        case .subtract: return .number(left - right)
        case .multiply: return .number(left * right)
        case .divide, .floorDivide, .modulo:
            guard right != 0 else { throw TemplateError(.value, "float division by zero") }
            if operation == .divide { return .number(left / right) }
            var remainder = fmod(left, right)
            if remainder != 0, (remainder < 0) != (right < 0) { remainder += right }
            return .number(operation == .modulo ? remainder : ((left - remainder) / right).rounded())
        case .power:
            let result = pow(left, right)
            if result.isNaN, !left.isNaN, !right.isNaN {
                throw TemplateError(.value, "a negative number to a fractional power")
            }
            if result.isInfinite, left.isFinite, right.isFinite {
                throw TemplateError(.value, left == 0 ? "0.0 cannot be raised to a negative power" : "result too large")
            }
            return .number(result)
        }
    }
}
