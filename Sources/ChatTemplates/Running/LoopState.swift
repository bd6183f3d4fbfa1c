/// The variable `loop`: the position of a `for`. Elements are filtered one at a time, as the loop reaches them.
final class LoopState {
    private var source: ArraySlice<Value>
    private var accepts: ((Value) throws(TemplateError) -> Bool)?
    /// Elements that passed the filter and were not visited yet.
    private var ahead: ArraySlice<Value> = []
    private(set) var index0 = -1
    private(set) var previous: Value?
    private(set) var currentElement: Value?
    /// The last values given to `changed`.
    var changed: Value?

    init(_ elements: [Value], accepts: ((Value) throws(TemplateError) -> Bool)?) {
        source = elements[...]
        self.accepts = accepts
    }

    /// Moves to the next element; nil at the end.
    func next() throws(TemplateError) -> Value? {
        try fill(1)
        guard let element = ahead.popFirst() else { return nil }
        previous = currentElement
        currentElement = element
        index0 += 1
        return currentElement
    }

    func peek() throws(TemplateError) -> Value? {
        try fill(1)
        return ahead.first
    }

    func length() throws(TemplateError) -> Int {
        if accepts == nil { return index0 + 1 + ahead.count + source.count }
        try fill(.max)
        return index0 + 1 + ahead.count
    }

    /// Lets go of the filter, which holds the interpreter.
    func finish() {
        accepts = nil
        source = []
    }

    private func fill(_ count: Int) throws(TemplateError) {
        while ahead.count < count, let candidate = source.popFirst() {
            if try accepts?(candidate) ?? true { ahead.append(candidate) }
        }
    }

    func attribute(_ name: String) throws(TemplateError) -> Value? {
        switch name {
        case "index": .integer(index0 + 1)
        case "index0": .integer(index0)
        case "revindex": .integer(try length() - index0)
        case "revindex0": .integer(try length() - index0 - 1)
        case "first": .bool(index0 == 0)
        case "last": .bool(try peek() == nil)
        case "length": .integer(try length())
        // Only recursive loops, which are not supported, go deeper.
        case "depth": .integer(1)
        case "depth0": .integer(0)
        case "previtem": previous ?? .undefined(Undefined(message: "there is no previous item"))
        case "nextitem": try peek() ?? .undefined(Undefined(message: "there is no next item"))
        case "cycle", "changed": .callable(.method(of: .loop(self), name: name))
        default: nil
        }
    }
}
