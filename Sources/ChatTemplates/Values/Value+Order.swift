/// Python's equality, order and membership.
extension Meter {
    func equal(_ left: Value, _ right: Value) throws(TemplateError) -> Bool {
        try enter()
        defer { leave() }
        switch (left, right) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.string(let left), .string(let right)):
            try read(bytes: min(left.utf8.count, right.utf8.count))
            return sameText(left, right)
        case (.number, _), (_, .number):
            guard let left = left.doubleValue, let right = right.doubleValue else { return false }
            return left == right
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)),
            (.range(let left, _), .range(let right, _)):
            guard left.values.count == right.values.count else { return false }
            for (left, right) in zip(left.values, right.values) where try !equal(left, right) { return false }
            return true
        case (.dictionary(let left), .dictionary(let right)):
            guard left.entries.count == right.entries.count else { return false }
            for entry in left.entries {
                guard let other = try right.value(for: entry.key, self), try equal(entry.value, other) else { return false }
            }
            return true
        case (.namespace(let left), .namespace(let right)): return left === right
        case (.loop(let left), .loop(let right)): return left === right
        case (.iterator(let left), .iterator(let right)): return left === right
        case (.callable(.macro(let left)), .callable(.macro(let right))): return left === right
        default:
            guard let left = left.integerValue, let right = right.integerValue else { return false }
            return left == right
        }
    }

    /// Whether left comes before right; throws `type` for kinds that have no order.
    func less(_ left: Value, _ right: Value, _ symbol: String = "<") throws(TemplateError) -> Bool {
        try enter()
        defer { leave() }
        switch (left, right) {
        case (.undefined(let undefined), _), (_, .undefined(let undefined)): throw undefined.error
        case (.string(let left), .string(let right)):
            try read(bytes: min(left.utf8.count, right.utf8.count))
            return left.utf8.lexicographicallyPrecedes(right.utf8)
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            for (left, right) in zip(left.values, right.values) where try !equal(left, right) {
                return try less(left, right, symbol)
            }
            return left.values.count < right.values.count
        default: break
        }
        if let left = left.integerValue, let right = right.integerValue { return left < right }
        guard let leftNumber = left.doubleValue, let rightNumber = right.doubleValue else {
            throw TemplateError(
                .type, "'\(symbol)' not supported between instances of '\(left.typeName)' and '\(right.typeName)'")
        }
        return leftNumber < rightNumber
    }

    func compare(_ left: Value, _ operation: Comparison, _ right: Value) throws(TemplateError) -> Bool {
        switch operation {
        case .equal: return try equal(left, right)
        case .notEqual: return try !equal(left, right)
        case .less: return try less(left, right, "<")
        case .greater: return try less(right, left, ">")
        case .lessOrEqual: return try less(left, right, "<=") ? true : equal(left, right)
        case .greaterOrEqual: return try less(right, left, ">=") ? true : equal(left, right)
        case .isIn: return try contains(right, left)
        case .isNotIn: return try !contains(right, left)
        }
    }

    func contains(_ container: Value, _ element: Value) throws(TemplateError) -> Bool {
        switch container {
        case .string(let text):
            guard case .string(let part) = element else {
                if case .undefined(let undefined) = element { throw undefined.error }
                throw TemplateError(.type, "'in <string>' requires string as left operand, not \(element.typeName)")
            }
            try read(bytes: text.utf8.count + part.utf8.count)
            return text.contains(text: part)
        case .dictionary(let mapping):
            return try mapping.value(for: element, self) != nil
        case .iterator(let iterator):
            while let candidate = iterator.next() {
                if try equal(candidate, element) { return true }
            }
            return false
        case .integer, .longInteger, .number, .bool, .none, .namespace, .callable:
            throw TemplateError(.type, "argument of type '\(container.typeName)' is not iterable")
        default:
            for candidate in try elements(of: container) where try equal(candidate, element) { return true }
            return false
        }
    }

    /// The elements that a loop over the value visits. Reading an iterator uses it up.
    func elements(of value: Value) throws(TemplateError) -> [Value] {
        switch value {
        case .list(let elements), .tuple(let elements), .view(let elements, _), .range(let elements, _):
            return elements.values
        case .iterator(let iterator): return iterator.takeAll()
        case .dictionary(let mapping):
            try create(elements: mapping.entries.count)
            return mapping.entries.map(\.key)
        case .string(let text):
            try read(text)
            try create(elements: text.unicodeScalars.count)
            return text.unicodeScalars.map { .string(String(Character($0))) }
        case .undefined(let undefined):
            if undefined.code == .security { throw undefined.error }
            return []
        default: throw TemplateError(.type, "'\(value.typeName)' object is not iterable")
        }
    }
}
