internal import Glibc

/// Counts the work of one rendering, and throws `limitExceeded` at a bound. One thread uses it.
final class Meter {
    let limits: TemplateLimits
    private var steps = 0
    /// Steps at which time is looked at again.
    private var nextCheck = 0
    private let start: Int
    private var created = 0
    /// Bytes of text read so far.
    private var scanned = 0
    private var depth = 0

    private static let checkInterval = 512
    private static let scannedBytesPerStep = 64
    /// Copying whole texts takes less time than reading them one character at a time.
    private static let createdBytesPerStep = 256

    init(_ limits: TemplateLimits) {
        self.limits = limits
        start = Self.processorMilliseconds
    }

    /// Before work proportional to `count`.
    func step(_ count: Int = 1) throws(TemplateError) {
        steps += max(0, count)
        if steps >= nextCheck { try check() }
    }

    /// Called before a text of that many bytes is read.
    func read(bytes: Int) throws(TemplateError) {
        let before = scanned / Self.scannedBytesPerStep
        scanned += max(0, bytes)
        try step(scanned / Self.scannedBytesPerStep - before)
    }

    func read(_ text: String) throws(TemplateError) { try read(bytes: text.utf8.count) }

    /// Before a filter or test reads a value.
    func read(_ value: Value) throws(TemplateError) {
        switch value {
        case .string(let text): try read(text)
        case .list(let elements), .tuple(let elements), .view(let elements, _), .range(let elements, _):
            try step(elements.values.count / 16)
        case .dictionary(let mapping): try step(mapping.entries.count / 16)
        default: break
        }
    }

    /// Before a filter or method reads its arguments: separators, sets of characters, texts to search.
    func read(_ arguments: Arguments) throws(TemplateError) {
        for argument in arguments.positional { try read(argument) }
        for argument in arguments.named { try read(argument.value) }
    }

    private func check() throws(TemplateError) {
        if steps > limits.steps {
            throw TemplateError(.limitExceeded, "the template needs more than \(limits.steps) steps")
        }
        if Self.processorMilliseconds - start > limits.processorMilliseconds {
            throw TemplateError(.limitExceeded, "the template needs more than \(limits.processorMilliseconds) ms of the processor")
        }
        nextCheck = min(steps + Self.checkInterval, limits.steps)
    }

    /// Of the calling thread so far.
    private static var processorMilliseconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }

    /// Before a string of `bytes` is made. What is made takes steps too, so that no loop of few and large operations is free.
    func create(bytes: Int) throws(TemplateError) {
        guard bytes <= limits.outputBytes else {
            throw TemplateError(.limitExceeded, "a text is longer than \(limits.outputBytes) bytes")
        }
        let before = created / Self.createdBytesPerStep
        created += max(0, bytes)
        if created > limits.createdBytes {
            throw TemplateError(.limitExceeded, "the template makes more than \(limits.createdBytes) bytes of values")
        }
        try step(created / Self.createdBytesPerStep - before)
    }

    /// Before a value is hashed with all that lies in it.
    func hash(_ value: Value) throws(TemplateError) {
        switch value {
        case .string(let text): try read(text)
        case .tuple(let elements), .range(let elements, _): try step(elements.weight)
        default: break
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
        if steps >= nextCheck { try check() }
        if depth > limits.depth {
            throw TemplateError(.limitExceeded, "nested deeper than \(limits.depth) levels")
        }
    }

    func leave() { depth -= 1 }

    func checkDepth(of value: Value) throws(TemplateError) {
        if value.depth > limits.valueDepth {
            throw TemplateError(.limitExceeded, "lists are nested deeper than \(limits.valueDepth) levels")
        }
    }
}
