/// The shortest way to a match.
extension ByteAutomaton {
    /// States with a count that are looked at: those of a string of some thousand characters.
    private static let mostVisited = 50_000

    /// The fewest bytes that lead from a state to a match; nil where it is too far.
    ///
    /// - Parameters:
    ///   - bounds: of a JSON string, whose characters are counted from `count` on.
    ///   - isEnd: whether a match with this label counts.
    func shortestPath(
        _ bounds: LengthBounds? = nil, from state: Int32 = 0, count: StringCount = .start, isEnd: (UInt64) -> Bool = { $0 != 0 }
    ) -> [UInt8]? {
        struct Place: Hashable {
            var state: Int32
            var count: Int32
        }
        let least = Int32(bounds?.least ?? 0)
        func isGoal(_ place: Place) -> Bool { isEnd(labels[Int(place.state)]) && StringCount(place.count).count >= least }
        let start = Place(state: state, count: bounds == nil ? 0 : count.packed)
        var places = [start]
        var steps: [(byte: UInt8, from: Int)] = [(0, -1)]
        var known: Set<Place> = [start]
        var next = 0
        let bytes = representatives
        while next < places.count {
            let place = places[next]
            if isGoal(place) {
                var path: [UInt8] = []
                var step = next
                while step > 0 {
                    path.append(steps[step].byte)
                    step = steps[step].from
                }
                return path.reversed()
            }
            for byte in bytes {
                var after = Place(state: self.next(place.state, byte), count: 0)
                guard after.state >= 0 else { continue }
                if let bounds {
                    let count = StringCount(place.count).adding(byte)
                    guard bounds.most.map({ Int(count.count) <= $0 }) ?? true else { continue }
                    after.count = count.with(count: bounds.most == nil ? min(count.count, least) : count.count).packed
                }
                guard known.insert(after).inserted else { continue }
                guard places.count < Self.mostVisited else { return nil }
                places.append(after)
                steps.append((byte, next))
            }
            next += 1
        }
        return nil
    }

    /// A byte of each class, a letter or a digit where it has one.
    private var representatives: [UInt8] {
        var found = [UInt8?](repeating: nil, count: classCount)
        let readable: [UInt8] = Array("\"}]a0A -".utf8) + Array(0x21...0x7E) + Array(0...0xFF)
        for byte in readable where found[Int(classes[Int(byte)])] == nil { found[Int(classes[Int(byte)])] = byte }
        return found.compactMap { $0 }
    }
}
