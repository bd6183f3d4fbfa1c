/// Finds all stacks that read the next byte: enters nodes and goes on after complete ones until each path waits for a byte.
struct StackClosure {
    struct Result {
        /// Rising, each once.
        var stacks: [Int32]
        var isAccepting: Bool
    }

    private enum Task: Hashable {
        case enter(GrammarNode, on: Int32)
        /// What lay on this stack is complete.
        case resume(Int32)
    }

    let machine: Machine
    private var tasks: [Task] = []
    private var done: Set<Task> = []
    private var stacks: [Int32] = []
    private var isAccepting = false

    /// Paths that are followed for one byte. A grammar of a person needs a few.
    private static let mostTasks = 20_000

    init(_ machine: Machine) { self.machine = machine }

    mutating func enter(_ node: GrammarNode, on stack: Int32) { tasks.append(.enter(node, on: stack)) }

    mutating func resume(_ stack: Int32) { tasks.append(.resume(stack)) }

    /// A stack that reads bytes.
    mutating func add(_ frame: Frame, on stack: Int32) { stacks.append(machine.push(frame, on: stack)) }

    mutating func run() -> Result {
        while let task = tasks.popLast() {
            // Most closures take a few steps, which need no memory of what is done.
            if done.count > 0 || tasks.count > 2 {
                guard done.insert(task).inserted, done.count < Self.mostTasks else { continue }
            }
            switch task {
            case .enter(let node, let stack): if machine.fits(node, on: stack) { enterNow(node, stack) }
            case .resume(let stack): resumeNow(stack)
            }
        }
        stacks.sort()
        var unique: [Int32] = []
        for stack in stacks where unique.last != stack { unique.append(stack) }
        if unique.count > machine.grammar.limits.stacks { unique.removeLast(unique.count - machine.grammar.limits.stacks) }
        return Result(stacks: unique, isAccepting: isAccepting)
    }

    // MARK: Into a node

    private mutating func enterNow(_ node: GrammarNode, _ stack: Int32) {
        switch machine.grammar.bodies[node.place] {
        case .undefined: break
        case .literal: add(Frame(tag: .literal, node: node.index, a: 0, b: 0), on: stack)
        case .automaton(let automaton, let bounds):
            add(Frame(tag: .automaton, node: node.index, a: 0, b: StringCount.start.packed), on: stack)
            if automaton.isMatch(0), (bounds?.least ?? 0) == 0 { resume(stack) }
        case .text:
            add(Frame(tag: .text, node: node.index, a: 0, b: 0), on: stack)
            resume(stack)
        case .sequence(let parts): goOn(node, parts, at: 0, stack)
        case .alternative(let parts): for part in parts { enter(part, on: stack) }
        case .repetition(let part, let least, let most):
            if least == 0 { resume(stack) }
            if most != 0 { enter(part, on: machine.push(Frame(tag: .repetition, node: node.index, a: 0, b: 0), on: stack)) }
        case .list:
            let list = machine.push(.list(node.index, count: 0, .opened), on: stack)
            enter(machine.grammar.openList, on: list)
        case .object:
            let object = machine.push(.object(node.index, progress: 0, .opened, members: 0), on: stack)
            enter(machine.grammar.openObject, on: object)
        }
    }

    private mutating func goOn(_ node: GrammarNode, _ parts: [GrammarNode], at index: Int, _ stack: Int32) {
        if index == parts.count { return resume(stack) }
        if index == parts.count - 1 { return enter(parts[index], on: stack) }
        enter(parts[index], on: machine.push(Frame(tag: .sequence, node: node.index, a: Int32(index + 1), b: 0), on: stack))
    }

    // MARK: After a node

    private mutating func resumeNow(_ stack: Int32) {
        let frame = machine.frames[Int(stack)]
        let below = machine.below[Int(stack)]
        let node = GrammarNode(Int(frame.node))
        switch (frame.tag, machine.grammar.bodies[Int(frame.node)]) {
        case (.bottom, _): isAccepting = true
        case (.sequence, .sequence(let parts)): goOn(node, parts, at: Int(frame.a), below)
        case (.repetition, .repetition(let part, let least, let most)):
            let count = Int(frame.a) + 1
            if count >= least { resume(below) }
            guard most.map({ count < $0 }) ?? true else { return }
            let kept = most == nil ? min(count, least) : count
            enter(part, on: machine.push(Frame(tag: .repetition, node: frame.node, a: Int32(kept), b: 0), on: below))
        case (.list, .list(let list)): resume(list, frame, below)
        case (.object, .object(let object)): resume(object, frame, below)
        case (.afterTrigger, _):
            add(Frame(tag: .text, node: frame.node, a: 0, b: 0), on: below)
            resume(below)
        default: break
        }
    }

    private mutating func resume(_ list: ListNode, _ frame: Frame, _ below: Int32) {
        let count = frame.phase == .inValue ? min(Int(frame.a) + 1, list.saturation) : Int(frame.a)
        let element = list.element(count).flatMap { node in
            let depth = Int(machine.heights[Int(below)]) + 1 + Int(machine.grammar.depths[node.place])
            return depth <= machine.grammar.limits.stackDepth ? node : nil
        }
        switch frame.phase {
        case .opened:
            if list.least == 0 { enter(list.punctuation.closeList, on: below) }
            if element != nil {
                enter(list.punctuation.space, on: machine.push(.list(frame.node, count: 0, .needsMember), on: below))
            }
        case .needsMember:
            if let element { enter(element, on: machine.push(.list(frame.node, count: frame.a, .inValue), on: below)) }
        case .inValue, .inName:
            if count >= list.least { enter(list.punctuation.closeList, on: below) }
            if element != nil {
                enter(list.punctuation.comma, on: machine.push(.list(frame.node, count: Int32(count), .needsMember), on: below))
            }
        }
    }
}
