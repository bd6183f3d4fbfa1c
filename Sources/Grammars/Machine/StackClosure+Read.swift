/// The reading of one byte by the frame on top of a stack.
extension StackClosure {
    mutating func read(_ byte: UInt8, _ stack: Int32) {
        var frame = machine.frames[Int(stack)]
        let below = machine.below[Int(stack)]
        switch (frame.tag, machine.grammar.bodies[Int(frame.node)]) {
        case (.literal, .literal(let bytes)):
            guard bytes[Int(frame.a)] == byte else { return }
            frame.a += 1
            if Int(frame.a) == bytes.count { resume(below) } else { add(frame, on: below) }
        case (.automaton, .automaton(let automaton, let bounds)):
            frame.a = automaton.next(frame.a, byte)
            guard frame.a >= 0 else { return }
            var isMatch = automaton.isMatch(frame.a)
            if let bounds {
                var count = StringCount(frame.b).adding(byte)
                if let most = bounds.most {
                    guard Int(count.count) <= most else { return }
                } else {
                    count = count.with(count: min(count.count, Int32(bounds.least)))
                }
                isMatch = isMatch && Int(count.count) >= bounds.least
                // A string that is too short may not be closed.
                guard isMatch || automaton.goesOn(frame.a) else { return }
                frame.b = count.packed
            }
            if automaton.goesOn(frame.a) { add(frame, on: below) }
            if isMatch { resume(below) }
        case (.text, .text(let text)):
            frame.a = text.automaton.next(frame.a, byte)
            guard frame.a >= 0 else { return }
            let label = text.automaton.labels[Int(frame.a)]
            if label == 0 {
                add(frame, on: below)
                resume(below)
            } else {
                begin(text, trigger: Int(label - 1), frame.node, on: below)
            }
        case (.name, .object(let object)): readName(object, frame, byte, below)
        default: break
        }
    }

    mutating func begin(_ text: TextNode, trigger: Int, _ node: Int32, on below: Int32) {
        guard text.goesOn[trigger] else { return enter(text.parts[trigger], on: below) }
        enter(text.parts[trigger], on: machine.push(Frame(tag: .afterTrigger, node: node, a: 0, b: 0), on: below))
    }
}
