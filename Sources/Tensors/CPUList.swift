/// Numbers of CPUs, each once: `0-15` or `0,2,4-7`, as Linux writes them. Their order is kept.
public struct CPUList: Sendable, Equatable, CustomStringConvertible {
    public let numbers: [Int]
    /// Numbers are smaller: the C library's mask of CPUs has no room for more.
    public static let limit = 1024

    public init(_ numbers: [Int]) { self.numbers = numbers }

    /// nil: the text is empty or is no such list, has a number twice, or one that is not below `limit`.
    public init?(_ text: String) {
        var numbers: [Int] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map(Self.number)
            guard ends.count <= 2, let first = ends[0], let last = ends[ends.count - 1], first <= last else { return nil }
            numbers += first...last
        }
        guard Set(numbers).count == numbers.count else { return nil }
        self.numbers = numbers
    }

    private static func number(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int(text), number < limit else { return nil }
        return number
    }

    /// Throws, naming the first CPU that this process may not use.
    public func check() throws(ResourceError) {
        let allowed = UsableCPUs.allowed
        guard let missing = numbers.first(where: { !allowed.numbers.contains($0) }) else { return }
        throw ResourceError("there is no CPU \(missing), or this process may not use it; it may use \(allowed)")
    }

    /// With ranges for ascending neighbours.
    public var description: String {
        var ranges: [ClosedRange<Int>] = []
        for number in numbers {
            if let last = ranges.last, last.upperBound + 1 == number {
                ranges[ranges.count - 1] = last.lowerBound...number
            } else {
                ranges.append(number...number)
            }
        }
        return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ",")
    }
}
