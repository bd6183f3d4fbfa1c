/// Counts what a rendering uses, and throws `limitExceeded` at the bound.
final class Meter {
    let limits: TemplateLimits
    private var steps = 0
    private var created = 0
    private var depth = 0

    init(_ limits: TemplateLimits) { self.limits = limits }

    /// Before work proportional to `count`.
    func step(_ count: Int = 1) throws(TemplateError) {
        steps += max(0, count)
        if steps > limits.steps {
            throw TemplateError(.limitExceeded, "the template needs more than \(limits.steps) steps")
        }
    }

    /// Before a string of `bytes` is made.
    func create(bytes: Int) throws(TemplateError) {
        guard bytes <= limits.outputBytes else {
            throw TemplateError(.limitExceeded, "a text is longer than \(limits.outputBytes) bytes")
        }
        created += max(0, bytes)
        if created > limits.createdBytes {
            throw TemplateError(.limitExceeded, "the template makes more than \(limits.createdBytes) bytes of values")
        }
    }

    /// Before a sequence of `count` elements is made.
    func create(elements count: Int) throws(TemplateError) {
        let (bytes, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Value>.stride)
        try create(bytes: overflow ? .max : bytes + 64)
        try step(count / 16)
    }

    /// Before `text` repeated `count` times is made.
    func create(repeating bytes: Int, count: Int) throws(TemplateError) {
        let (total, overflow) = bytes.multipliedReportingOverflow(by: max(0, count))
        try create(bytes: overflow ? .max : total)
    }

    /// A nested evaluation starts.
    func enter() throws(TemplateError) {
        depth += 1
        steps += 1
        if depth > limits.depth {
            throw TemplateError(.limitExceeded, "nested deeper than \(limits.depth) levels")
        }
        if steps > limits.steps { try step() }
    }

    func leave() { depth -= 1 }

    func checkDepth(of value: Value) throws(TemplateError) {
        if value.depth > limits.valueDepth {
            throw TemplateError(.limitExceeded, "lists are nested deeper than \(limits.valueDepth) levels")
        }
    }
}
