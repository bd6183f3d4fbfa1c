/// A name that clients may have in `model`, and what answers to it: `gpt-4o-mini`, `gpt-*=base`.
public struct ModelAlias: Sendable, Equatable {
    /// With `*` for any characters and `?` for one.
    public var pattern: String
    /// `auto`, `base`, or an adapter's name.
    public var target: String

    public init(_ pattern: String, target: String = "auto") {
        self.pattern = pattern
        self.target = target
    }

    /// `PATTERN`, which the router answers, or `PATTERN=NAME`; nil where either is empty or longer than a name may be.
    public init?(text: String) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.allSatisfy({ (1...256).contains($0.utf8.count) }) else { return nil }
        self.init(parts[0], target: parts.count > 1 ? parts[1] : "auto")
    }

    /// Compares bytes. `O(pattern * name)` in the worst case.
    func matches(_ name: String) -> Bool {
        let (pattern, name) = (Array(pattern.utf8), Array(name.utf8))
        var (place, index) = (0, 0)
        /// Behind the last star, and where the name goes on after what the star has taken.
        var retry: (place: Int, index: Int)?
        while index < name.count {
            if place < pattern.count, pattern[place] == UInt8(ascii: "*") {
                place += 1
                retry = (place, index)
            } else if place < pattern.count, pattern[place] == UInt8(ascii: "?") || pattern[place] == name[index] {
                place += 1
                index += 1
            } else if let last = retry {
                retry = (last.place, last.index + 1)
                place = last.place
                index = last.index + 1
            } else {
                return false
            }
        }
        return pattern[place...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
