/// Objects: which names may come, and what follows them.
extension StackClosure {
    mutating func resume(_ object: ObjectNode, _ frame: Frame, _ below: Int32) {
        let place = ObjectPlace(object, frame, machine, below)
        switch frame.phase {
        case .opened:
            if place.mayEnd { enter(object.punctuation.closeObject, on: below) }
            if place.mayGoOn {
                enter(
                    object.punctuation.space,
                    on: machine.push(.object(frame.node, progress: frame.a, .needsMember, members: 0), on: below))
            }
        case .needsMember:
            let base = machine.push(.object(frame.node, progress: frame.a, .inName, members: frame.memberCount), on: below)
            let extra: Int32 = place.allowsExtra ? 0 : -1
            add(Frame(tag: .name, node: frame.node, a: 0, b: extra), on: base)
        case .inValue, .inName:
            if place.mayEnd { enter(object.punctuation.closeObject, on: below) }
            if place.mayGoOn {
                enter(
                    object.punctuation.comma,
                    on: machine.push(.object(frame.node, progress: frame.a, .needsMember, members: frame.memberCount), on: below))
            }
        }
    }

    mutating func readName(_ object: ObjectNode, _ frame: Frame, _ byte: UInt8, _ stack: Int32) {
        let base = machine.frames[Int(stack)]
        let below = machine.below[Int(stack)]
        let place = ObjectPlace(object, base, machine, below)
        var frame = frame
        frame.a = frame.a < 0 ? -1 : object.names.children[Int(frame.a)][byte] ?? -1
        let member = frame.a < 0 ? -1 : object.names.member[Int(frame.a)]
        if let names = object.extraNames, frame.b >= 0 { frame.b = names.next(frame.b, byte) } else { frame.b = -1 }
        if member >= 0 {
            // A declared name is never an extra one.
            guard place.allows(Int(member)) else { return }
            let next = machine.push(
                .object(frame.node, progress: place.progress(after: Int(member)), .inValue, members: place.count(after: 1)), on: below)
            return enter(object.members[Int(member)].value, on: next)
        }
        if frame.b >= 0, let names = object.extraNames, names.isMatch(frame.b) {
            if let value = object.extraValues[names.labels[Int(frame.b)]] {
                let next = machine.push(
                    .object(frame.node, progress: place.progressAfterExtra, .inValue, members: place.count(after: 1)), on: below)
                enter(value, on: next)
            }
            return
        }
        // A declared name that may not come is no extra one either, so its bytes are followed while an extra name is possible.
        if frame.a >= 0, frame.b < 0, !object.names.through[Int(frame.a)].contains(where: { place.allows(Int($0)) }) { frame.a = -1 }
        if frame.a >= 0 || frame.b >= 0 { add(frame, on: stack) }
    }
}

/// What an object may have next.
struct ObjectPlace {
    private let object: ObjectNode
    private let machine: Machine
    /// In the declared order the index of the next member; in any order the number of the set of those that came.
    private let progress: Int32
    private let count: Int
    /// Frames that a value may still take.
    private let room: Int

    init(_ object: ObjectNode, _ frame: Frame, _ machine: Machine, _ below: Int32) {
        self.object = object
        self.machine = machine
        progress = frame.a
        count = Int(frame.memberCount)
        room = machine.grammar.limits.stackDepth - Int(machine.heights[Int(below)]) - 1
    }

    private var isOrdered: Bool { object.order == .declared }

    private func hasCome(_ member: Int) -> Bool {
        if isOrdered { return member < Int(progress) }
        let set = machine.seenSets[Int(progress)]
        return member / 64 < set.count && set[member / 64] >> UInt64(member % 64) & 1 == 1
    }

    private func fits(_ node: GrammarNode) -> Bool { Int(machine.grammar.depths[node.place]) <= room }

    /// Required members that have not come.
    private var missing: Int {
        if isOrdered { return object.requiredFrom[Int(progress)] }
        return object.members.indices.count { object.members[$0].isRequired && !hasCome($0) }
    }

    var mayEnd: Bool { missing == 0 && count >= object.least }

    var mayGoOn: Bool {
        if allowsExtra { return true }
        let indices = isOrdered ? Int(progress)..<min(object.nextRequired[Int(progress)] + 1, object.members.count) : object.members.indices
        return indices.contains(where: allows)
    }

    func allows(_ member: Int) -> Bool {
        guard !hasCome(member), fits(object.members[member].value) else { return false }
        if isOrdered, member > object.nextRequired[Int(progress)] { return false }
        if let most = object.most {
            let others = missing - (object.members[member].isRequired ? 1 : 0)
            guard count + 1 + others <= most else { return false }
        }
        guard object.least > count + 1, !hasExtras else { return true }
        return count + 1 + possible(after: member) >= object.least
    }

    /// In the declared order extra members come when all required ones have come.
    var allowsExtra: Bool {
        guard hasExtras else { return false }
        if isOrdered, missing > 0 { return false }
        return object.most.map { count + 1 + missing <= $0 } ?? true
    }

    private var hasExtras: Bool { object.extraNames != nil && object.extraValues.values.contains(where: fits) }

    private func possible(after member: Int) -> Int {
        if isOrdered { return object.members[(member + 1)...].count { fits($0.value) } }
        return object.members.indices.count { $0 != member && !hasCome($0) && fits(object.members[$0].value) }
    }

    func progress(after member: Int) -> Int32 {
        if isOrdered { return Int32(member + 1) }
        var set = machine.seenSets[Int(progress)]
        while set.count <= member / 64 { set.append(0) }
        set[member / 64] |= 1 << UInt64(member % 64)
        if let known = machine.seenNumbers[set] { return known }
        let number = Int32(machine.seenSets.count)
        machine.seenSets.append(set)
        machine.seenNumbers[set] = number
        return number
    }

    /// Declared members do not come after extra ones.
    var progressAfterExtra: Int32 { isOrdered ? Int32(object.members.count) : progress }

    /// Counts that no bound looks at are not kept.
    func count(after more: Int) -> Int32 {
        let next = count + more
        return Int32(object.most == nil ? min(next, object.least) : next)
    }
}
