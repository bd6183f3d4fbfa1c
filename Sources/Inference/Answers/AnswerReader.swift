import Generation

/// Turns the text of an answer, which arrives piece by piece, into text, thinking and calls.
///
/// Only what may be the start of a mark is held back, and white space around thinking and calls. Any split of a text gives the same
/// parts. What looks like a call and is none stays text, unless it is found only after its function was announced: then what came of
/// its arguments stays, and the rest is text. Memory: the text since the start of a call; cost: linear, but for texts that begin like
/// calls within calls.
struct AnswerReader: Sendable {
    private enum State: Equatable {
        /// Before anything: the model may open its thinking.
        case opening
        case thinking
        case text
        case call
        /// The rest is not read.
        case done
    }

    /// The calls of the answer are complete: no more text is wanted.
    var isDone: Bool { state == .done }

    private let reading: AnswerReading
    private let triggers: [[UInt8]]
    private let thinkingOpen: [UInt8]
    private let thinkingClose: [UInt8]
    private var sink: CallSink
    private var state: State
    /// While the state is `call`.
    private var scanner: (any CallScanner)?
    /// Text that is not yet passed on, from `cursor`.
    private var buffer: [UInt8] = []
    private var cursor = 0
    /// Where a call began, with the white space before it, and where its trigger ends; and the calls before it.
    private var region = (start: 0, body: 0, calls: 0)
    /// Nothing but white space came since the answer, the last call or the thinking.
    private var isFresh = true
    /// White space at the start of the text is left out.
    private var dropsSpace = false
    /// A call may begin without a trigger.
    private var mayBeginBare: Bool
    private var pieces: [AnswerPiece] = []

    /// - Parameter makeIdentity: of a call.
    init(_ reading: AnswerReading, makeIdentity: (@Sendable () -> String)? = nil) {
        self.reading = reading
        let isShort = reading.format?.hasShortIdentities ?? false
        triggers = reading.format?.triggers.map { Array($0.utf8) } ?? []
        thinkingOpen = reading.thinking.map { Array($0.open.utf8) } ?? []
        thinkingClose = reading.thinking.map { Array($0.close.utf8) } ?? []
        sink = CallSink(functions: reading.functions, makeIdentity: makeIdentity ?? { CallIdentity.random(isShort: isShort) })
        mayBeginBare = reading.format?.first != nil
        state = reading.isThinking ? .thinking : reading.thinking == nil ? .text : .opening
        guard reading.isTriggered, let format = reading.format else { return }
        (state, scanner) = (.call, format.scanner(after: 0))
    }

    var hasCalls: Bool { sink.count > 0 }

    /// The parts that the text completes.
    mutating func append(_ text: String) -> [AnswerPiece] {
        buffer.append(contentsOf: text.utf8)
        read(isLast: false)
        return takePieces()
    }

    /// What was held back, when no more text comes.
    mutating func finish() -> [AnswerPiece] {
        read(isLast: true)
        return takePieces()
    }

    private mutating func takePieces() -> [AnswerPiece] {
        for part in sink.take() { pieces.append(.call(part)) }
        if state != .call {
            buffer.removeFirst(cursor)
            cursor = 0
        }
        defer { pieces = [] }
        return pieces
    }

    private mutating func read(isLast: Bool) {
        var goesOn = true
        while goesOn {
            switch state {
            case .opening: goesOn = readOpening(isLast)
            case .thinking: goesOn = readThinking(isLast)
            case .text: goesOn = readText(isLast)
            case .call: goesOn = readCall(isLast)
            case .done:
                cursor = buffer.count
                goesOn = false
            }
        }
    }

    // MARK: Thinking

    /// Each of these reads what it can; true: the state is another one.
    private mutating func readOpening(_ isLast: Bool) -> Bool {
        let rest = buffer[cursor...].drop { $0.isSpace }
        if rest.starts(with: thinkingOpen) {
            cursor = rest.startIndex + thinkingOpen.count
            (state, isFresh) = (.thinking, true)
            return true
        }
        if !isLast, thinkingOpen.starts(with: rest) { return false }
        state = .text
        return true
    }

    private mutating func readThinking(_ isLast: Bool) -> Bool {
        if isFresh {
            cursor = buffer[cursor...].firstIndex { !$0.isSpace } ?? buffer.count
            isFresh = cursor == buffer.count
        }
        let close = place(of: [thinkingClose])
        var end = close?.start ?? (isLast ? buffer.count : buffer.count - heldCount([thinkingClose]))
        let last = buffer[cursor..<end].lastIndex { !$0.isSpace }
        end = last.map { $0 + 1 } ?? cursor
        pass(upTo: end, as: AnswerPiece.reasoning)
        guard let close else {
            if isLast { cursor = buffer.count }
            return false
        }
        cursor = close.start + thinkingClose.count
        (state, isFresh, dropsSpace) = (.text, true, true)
        return true
    }

    // MARK: Text

    private mutating func readText(_ isLast: Bool) -> Bool {
        guard !triggers.isEmpty || isFresh || mayBeginBare else {
            pass(upTo: buffer.count, as: AnswerPiece.text)
            return false
        }
        if isFresh {
            let first = buffer[cursor...].firstIndex { !$0.isSpace } ?? buffer.count
            if dropsSpace { cursor = first }
            guard first < buffer.count else {
                if isLast, !dropsSpace, sink.count == 0 { pass(upTo: buffer.count, as: AnswerPiece.text) }
                if isLast { cursor = buffer.count }
                return false
            }
            if mayBeginBare, buffer[first] == reading.format?.first { return begin(at: first, body: first, trigger: nil) }
            if let found = place(of: triggers, from: first), found.start == first {
                return begin(at: first, body: first + triggers[found.index].count, trigger: found.index)
            }
            if !isLast, triggers.contains(where: { $0.starts(with: buffer[first...]) }) { return false }
            (isFresh, mayBeginBare, dropsSpace) = (false, false, false)
        }
        guard let found = place(of: triggers) else {
            pass(upTo: isLast ? buffer.count : buffer.count - heldCount(triggers), as: AnswerPiece.text)
            return false
        }
        pass(upTo: found.start, as: AnswerPiece.text)
        return begin(at: found.start, body: found.start + triggers[found.index].count, trigger: found.index)
    }

    // MARK: Calls

    private mutating func begin(at start: Int, body: Int, trigger: Int?) -> Bool {
        guard let format = reading.format else { return false }
        region = (cursor, body, sink.count)
        cursor = body
        (state, scanner) = (.call, format.scanner(after: trigger))
        return true
    }

    private mutating func readCall(_ isLast: Bool) -> Bool {
        while cursor < buffer.count {
            guard let result = scanner?.take(buffer[cursor], &sink) else { break }
            cursor += 1
            switch result {
            case .goesOn:
                if sink.count > 0, !sink.isOpen, !reading.isParallel {
                    endCalls()
                    return true
                }
            case .ended(let unread):
                cursor -= unread
                endCalls()
                return true
            case .failed:
                failCall(at: cursor - 1)
                return true
            }
        }
        guard isLast else { return false }
        if let unread = scanner?.finish(&sink) {
            cursor -= unread
            endCalls()
        } else {
            failCall(at: buffer.count)
        }
        return true
    }

    private mutating func endCalls() {
        sink.end()
        let hasNew = sink.count > region.calls
        flushCalls()
        scanner = nil
        state = hasNew && (!reading.isParallel || sink.count >= CallSink.mostCalls) ? .done : .text
        isFresh = true
        dropsSpace = !hasNew && sink.count == 0
    }

    /// What came since the trigger is no call: it is text, or the rest of it where its function was announced.
    private mutating func failCall(at place: Int) {
        guard sink.count == region.calls else {
            cursor = place
            return endCalls()
        }
        cursor = region.start
        scanner = nil
        (state, isFresh, mayBeginBare, dropsSpace) = (.text, false, false, false)
        pass(upTo: max(region.body, region.start), as: AnswerPiece.text)
    }

    private mutating func flushCalls() {
        for part in sink.take() { pieces.append(.call(part)) }
    }

    // MARK: Bytes

    private mutating func pass(upTo end: Int, as piece: (String) -> AnswerPiece) {
        guard end > cursor else { return }
        let text = String(decoding: buffer[cursor..<end], as: UTF8.self)
        cursor = end
        switch (pieces.last, piece(text)) {
        case (.text(let before)?, .text): pieces[pieces.count - 1] = .text(before + text)
        case (.reasoning(let before)?, .reasoning): pieces[pieces.count - 1] = .reasoning(before + text)
        case (_, let new): pieces.append(new)
        }
    }

    /// The first of these texts in the buffer, and of those that begin there the first of the list.
    private func place(of marks: [[UInt8]], from start: Int? = nil) -> (start: Int, index: Int)? {
        for place in (start ?? cursor)..<max(buffer.count, start ?? cursor) {
            if let index = marks.firstIndex(where: { $0.first == buffer[place] && buffer[place...].starts(with: $0) }) { return (place, index) }
        }
        return nil
    }

    /// Bytes at the buffer's end that may be the start of one of these texts.
    private func heldCount(_ marks: [[UInt8]]) -> Int {
        let longest = (marks.map(\.count).max() ?? 1) - 1
        for count in stride(from: min(longest, buffer.count - cursor), to: 0, by: -1)
        where marks.contains(where: { $0.count > count && $0.starts(with: buffer.suffix(count)) }) {
            return count
        }
        return 0
    }
}

extension UInt8 {
    /// ASCII white space.
    fileprivate var isSpace: Bool { isJSONSpace || self == 0x0B || self == 0x0C }
}
