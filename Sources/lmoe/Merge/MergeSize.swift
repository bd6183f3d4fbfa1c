import ArgumentParser

/// Sizes as mergekit writes them: `5B` are 5 billion bytes.
enum MergeSize {
    static func bytes(_ text: String) throws -> Int {
        let factors: [Character: Int] = ["K": 1_000, "M": 1_000_000, "G": 1_000_000_000, "B": 1_000_000_000, "T": 1_000_000_000_000]
        let factor = text.last.flatMap { factors[Character($0.uppercased())] }
        guard let number = Double(factor == nil ? text : String(text.dropLast())), number > 0, number * Double(factor ?? 1) < 1e15,
            number * Double(factor ?? 1) >= 1
        else { throw ValidationError("--shard-size '\(text)' is no size: expected a number with K, M, B or G, or without.") }
        return Int(number * Double(factor ?? 1))
    }
}
