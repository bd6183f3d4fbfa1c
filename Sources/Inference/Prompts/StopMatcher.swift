/// Finds the first stop string in a text that arrives piece by piece, across any borders.
///
/// Text that could still be the start of a stop string is held back. Works on UTF-8 bytes; pieces are whole characters,
/// and so is what comes out.
struct StopMatcher: Sendable {
    private let stops: [[UInt8]]
    private var held: [UInt8] = []
    private(set) var isStopped = false

    init(_ stops: [String]) {
        self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty }
    }

    /// Takes more text and answers what is safe to show: everything before a stop string, once one is complete.
    mutating func append(_ text: String) -> String {
        guard !isStopped else { return "" }
        if stops.isEmpty { return text }
        held.append(contentsOf: text.utf8)
        if let start = firstMatch() {
            isStopped = true
            defer { held = [] }
            return String(decoding: held[..<start], as: UTF8.self)
        }
        let safe = held.count - longestOpenSuffix()
        defer { held.removeFirst(safe) }
        return String(decoding: held[..<safe], as: UTF8.self)
    }

    /// What was held back, when no more text comes.
    mutating func finish() -> String {
        defer { held = [] }
        return String(decoding: held, as: UTF8.self)
    }

    /// Start of the match that begins first; the text shown is the same whichever of several matches is taken there.
    private func firstMatch() -> Int? {
        for start in held.indices {
            for stop in stops where held.count - start >= stop.count && held[start..<start + stop.count].elementsEqual(stop) {
                return start
            }
        }
        return nil
    }

    /// Length of the longest suffix that is the proper start of a stop string.
    private func longestOpenSuffix() -> Int {
        let longest = stops.map(\.count).max() ?? 0
        for length in stride(from: min(longest - 1, held.count), to: 0, by: -1) {
            let suffix = held.suffix(length)
            if stops.contains(where: { $0.count > length && $0.starts(with: suffix) }) { return length }
        }
        return 0
    }
}
