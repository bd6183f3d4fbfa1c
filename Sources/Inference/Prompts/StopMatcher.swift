/// Finds the first stop string in a text that arrives piece by piece, across any borders.
///
/// Text that could still be the start of a stop string is held back. Works on UTF-8 bytes; pieces are whole characters, and so is
/// what comes out. Cost: a few comparisons a byte and stop string, whatever they hold (Knuth, Morris and Pratt, 1977).
struct StopMatcher: Sendable {
    /// One stop string and how much of it the text ends with.
    private struct Stop: Sendable {
        let bytes: [UInt8]
        /// Length of the longest proper border of each prefix.
        private let borders: [Int]
        private(set) var matched = 0

        init(_ bytes: [UInt8]) {
            self.bytes = bytes
            var borders = [Int](repeating: 0, count: bytes.count)
            var length = 0
            for index in bytes.indices.dropFirst() {
                while length > 0, bytes[index] != bytes[length] { length = borders[length - 1] }
                if bytes[index] == bytes[length] { length += 1 }
                borders[index] = length
            }
            self.borders = borders
        }

        /// True when the text now ends with the stop string.
        mutating func take(_ byte: UInt8) -> Bool {
            if matched == bytes.count { matched = borders[matched - 1] }
            while matched > 0, bytes[matched] != byte { matched = borders[matched - 1] }
            if bytes[matched] == byte { matched += 1 }
            return matched == bytes.count
        }
    }

    private var stops: [Stop]
    private var held: [UInt8] = []
    /// The stop string is part of what is shown.
    private let includesMatch: Bool
    /// The stop string that ended the text.
    private(set) var found: String?
    var isStopped: Bool { found != nil }

    init(_ stops: [String], includesMatch: Bool = false) {
        self.includesMatch = includesMatch
        self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty }.map(Stop.init)
    }

    /// Takes more text and returns the text that is safe to show: once a stop string is complete, all of it up to the one that begins
    /// first.
    mutating func append(_ text: String) -> String {
        guard !isStopped else { return "" }
        if stops.isEmpty { return text }
        let before = held.count
        held.append(contentsOf: text.utf8)
        if let match = firstMatch(from: before) {
            found = String(decoding: held[match], as: UTF8.self)
            defer { held = [] }
            return String(decoding: held[..<(includesMatch ? match.upperBound : match.lowerBound)], as: UTF8.self)
        }
        let safe = held.count - (stops.map(\.matched).max() ?? 0)
        defer { held.removeFirst(safe) }
        return String(decoding: held[..<safe], as: UTF8.self)
    }

    /// The held-back text, when no more text comes.
    mutating func finish() -> String {
        defer { held = [] }
        return String(decoding: held, as: UTF8.self)
    }

    /// The match that begins first among those that end in the bytes from `start` on.
    private mutating func firstMatch(from start: Int) -> Range<Int>? {
        var first: Range<Int>?
        for index in stops.indices {
            for place in start..<held.count where stops[index].take(held[place]) {
                let match = place + 1 - stops[index].bytes.count..<place + 1
                if match.lowerBound < first?.lowerBound ?? .max { first = match }
                break
            }
        }
        return first
    }
}
