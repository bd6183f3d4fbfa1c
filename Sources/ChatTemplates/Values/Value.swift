import JSON

/// A value at run time, as Python would have it. All are immutable but namespaces, loops and iterators.
enum Value {
    case undefined(Undefined)
    case none
    case bool(Bool)
    case integer(Int)
    /// An integer beyond 64 bits, as its digits: it can be printed, and is a float where it is computed with.
    case longInteger(String)
    case number(Double)
    case string(String)
    case list(Elements)
    case tuple(Elements)
    /// What `dict.keys()`, `.values()` and `.items()` answer: has a length, but no indices. `name` is for printing.
    case view(Elements, name: String)
    case range(Elements, description: String)
    /// What `map`, `selectattr` and their like answer: always true, without length, and used up by reading.
    case iterator(ElementIterator)
    case dictionary(Mapping)
    case namespace(Namespace)
    case loop(LoopState)
    case callable(Callable)
}

/// A missing name, attribute or element. It prints as nothing and is false; other uses throw its error.
struct Undefined {
    var message: String
    var code: TemplateError.Code = .undefined

    var error: TemplateError { TemplateError(code, message) }
}

/// The elements of a sequence, and how many levels of sequences lie below.
final class Elements {
    let values: [Value]
    let depth: Int
    /// See `Value.weight`.
    let weight: Int

    /// A sequence that holds itself many times over weighs more than any budget of steps, and no sum overflows.
    private static let greatestWeight = 1 << 40

    init(_ values: [Value]) {
        self.values = values
        var depth = 0
        var weight = 1
        for value in values {
            depth = max(depth, value.depth)
            weight = min(weight + value.weight, Self.greatestWeight)
        }
        self.depth = depth + 1
        self.weight = weight
    }
}

final class ElementIterator {
    private var rest: ArraySlice<Value>
    let depth: Int

    init(_ values: [Value]) {
        rest = values[...]
        depth = values.reduce(0) { max($0, $1.depth) } + 1
    }

    func next() -> Value? { rest.popFirst() }

    func takeAll() -> [Value] {
        defer { rest = [] }
        return Array(rest)
    }
}

/// Attributes that `{% set namespace.name = … %}` may change.
final class Namespace {
    var attributes: [(name: String, value: Value)]

    init(_ attributes: [(name: String, value: Value)]) { self.attributes = attributes }

    subscript(name: String) -> Value? {
        get { attributes.first { sameText($0.name, name) }?.value }
        set {
            guard let newValue else { return }
            if let index = attributes.firstIndex(where: { sameText($0.name, name) }) {
                attributes[index].value = newValue
            } else {
                attributes.append((name, newValue))
            }
        }
    }
}

/// Something that can be called.
indirect enum Callable {
    case function(GlobalFunction)
    case method(of: Value, name: String)
    case macro(Macro)
}

/// A macro with the variables around its definition.
final class Macro {
    let definition: MacroDefinition
    let scope: Scope

    init(_ definition: MacroDefinition, scope: Scope) {
        self.definition = definition
        self.scope = scope
    }
}

extension Value {
    /// Levels of sequences in this value. Namespaces, loops and macros count as none: the interpreter keeps those alive itself.
    var depth: Int {
        switch self {
        case .list(let elements), .tuple(let elements), .view(let elements, _), .range(let elements, _): elements.depth
        case .iterator(let iterator): iterator.depth
        case .dictionary(let mapping): mapping.depth
        case .callable(.method(let receiver, _)): receiver.depth + 1
        default: 0
        }
    }

    /// The steps that it takes to visit all that lies in a sequence: its elements at all levels, and pieces of 64 bytes of text.
    var weight: Int {
        switch self {
        case .string(let text): 1 + text.utf8.count / 64
        case .list(let elements), .tuple(let elements), .view(let elements, _), .range(let elements, _): elements.weight
        default: 1
        }
    }

    /// Python's name of the type, for messages.
    var typeName: String {
        switch self {
        case .undefined: "Undefined"
        case .none: "NoneType"
        case .bool: "bool"
        case .integer, .longInteger: "int"
        case .number: "float"
        case .string: "str"
        case .list: "list"
        case .tuple: "tuple"
        case .view(_, let name): name
        case .range: "range"
        case .iterator: "generator"
        case .dictionary: "dict"
        case .namespace: "Namespace"
        case .loop: "LoopContext"
        case .callable(.function): "function"
        case .callable(.method): "builtin_function_or_method"
        case .callable(.macro): "Macro"
        }
    }

    var isUndefined: Bool { if case .undefined = self { true } else { false } }
    var isNone: Bool { if case .none = self { true } else { false } }

    var isTrue: Bool {
        switch self {
        case .undefined, .none: false
        case .bool(let value): value
        case .integer(let value): value != 0
        case .longInteger: true
        case .number(let value): value != 0
        case .string(let text): !text.isEmpty
        case .list(let elements), .tuple(let elements), .view(let elements, _), .range(let elements, _):
            !elements.values.isEmpty
        case .dictionary(let mapping): !mapping.entries.isEmpty
        case .iterator, .namespace, .loop, .callable: true
        }
    }

    /// An integer or a boolean as one.
    var integerValue: Int? {
        switch self {
        case .integer(let value): value
        case .bool(let value): value ? 1 : 0
        default: nil
        }
    }

    var doubleValue: Double? {
        switch self {
        case .number(let value): value
        case .longInteger(let digits): Double(digits)
        default: integerValue.map(Double.init)
        }
    }

    static func string(_ scalars: some Sequence<Unicode.Scalar>) -> Value {
        .string(String(scalars: scalars))
    }

    static func list(_ values: [Value]) -> Value { .list(Elements(values)) }
    static func tuple(_ values: [Value]) -> Value { .tuple(Elements(values)) }
    static func iterator(_ values: [Value]) -> Value { .iterator(ElementIterator(values)) }

    /// The message names what was looked up, as Jinja's do.
    static func missing(_ name: String, in object: Value) -> Value {
        .undefined(Undefined(message: "'\(object.typeName) object' has no attribute '\(name)'"))
    }

    /// Where in the variables a part of them stands, as far as it matters: on the way to the arguments of the messages' tool calls.
    enum Place {
        case messages, calls, function, arguments, elsewhere

        func member(_ key: String) -> Place {
            switch (self, key) {
            case (.messages, "tool_calls"): .calls
            case (.calls, "function"): .function
            case (.function, "arguments"): .arguments
            default: .elsewhere
            }
        }

        /// Of an array's elements.
        var element: Place { self == .messages || self == .calls ? self : .elsewhere }
    }

    /// A JSON document as a value; nil when it is nested deeper than `depth`.
    init?(_ json: JSONValue, depth: Int, place: Place = .elsewhere) {
        switch json {
        case .null: self = .none
        case .bool(let value): self = .bool(value)
        case .integer(let value):
            guard let value = Int(exactly: value) else { return nil }
            self = .integer(value)
        case .longInteger(let digits): self = .longInteger(digits)
        case .number(let value): self = .number(value)
        case .string(let text): self = .string(text)
        case .array(let elements):
            guard depth > 0 else { return nil }
            var values: [Value] = []
            values.reserveCapacity(elements.count)
            for element in elements {
                guard let value = Value(element, depth: depth - 1, place: place.element) else { return nil }
                values.append(value)
            }
            self = .list(values)
        case .object(let members):
            guard depth > 0 else { return nil }
            var entries: [(key: Value, value: Value)] = []
            entries.reserveCapacity(members.count)
            for member in members {
                guard let value = Value(member.value, depth: depth - 1, place: place.member(member.key)) else { return nil }
                entries.append((.string(member.key), value))
            }
            let mapping = place == .arguments ? Mapping(uniqueEntries: entries, printedAs: json) : Mapping(uniqueEntries: entries)
            self = .dictionary(mapping)
        }
    }
}
