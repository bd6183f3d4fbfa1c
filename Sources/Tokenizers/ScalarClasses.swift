/// The reference's properties of a Unicode scalar. The bits are those of `UnicodeTables.classes`.
struct ScalarFlags: OptionSet, Sendable {
    let rawValue: UInt16

    /// `\p{L}`, `\p{N}` and `\s` in patterns.
    static let letter = ScalarFlags(rawValue: 1 << 0)
    static let number = ScalarFlags(rawValue: 1 << 1)
    static let space = ScalarFlags(rawValue: 1 << 2)
    /// A digit to the `Digits` pre-tokenizer, which knows a newer Unicode than patterns do.
    static let numeric = ScalarFlags(rawValue: 1 << 3)
    /// `\w` at the borders of added tokens.
    static let wordCharacter = ScalarFlags(rawValue: 1 << 4)
    /// BERT's cleaning: dropped, or made a space.
    static let removedByBERT = ScalarFlags(rawValue: 1 << 5)
    static let spaceForBERT = ScalarFlags(rawValue: 1 << 6)
    static let punctuationForBERT = ScalarFlags(rawValue: 1 << 7)
    static let nonspacingMark = ScalarFlags(rawValue: 1 << 8)
    static let chineseForBERT = ScalarFlags(rawValue: 1 << 9)
    /// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]` and `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`: how a word in GPT-4o's pattern begins and goes on. Letters
    /// without case, and marks, are both.
    static let upper = ScalarFlags(rawValue: 1 << 10)
    static let lower = ScalarFlags(rawValue: 1 << 11)

    /// Neither letter nor number nor space: what `[^\s\p{L}\p{N}]` matches.
    var isOther: Bool { isDisjoint(with: [.letter, .number, .space]) }
}

/// A value for each Unicode scalar, in blocks of 256 of which equal ones are stored once.
///
/// `@unchecked Sendable`: the memory is written in `init` only and read without a lock afterwards; `deinit` needs the last
/// reference. Every concurrent test of a tokenizer would show a breach.
final class ScalarTable: @unchecked Sendable {
    private let blocks: UnsafeMutablePointer<UInt16>
    private let values: UnsafeMutablePointer<UInt16>

    /// - Parameter runs: `length` or `length:value`, hexadecimal, separated by white space, covering all scalars.
    init(runs: String) {
        var flat = [UInt16](repeating: 0, count: 0x110000)
        var scalar = 0
        for run in runs.utf8.split(whereSeparator: { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }) {
            let parts = run.split(separator: UInt8(ascii: ":"))
            let length = Int(HexText.number(parts[0]))
            let value = parts.count > 1 ? UInt16(truncatingIfNeeded: HexText.number(parts[1])) : 0
            precondition(scalar + length <= flat.count, "the runs of a generated table cover the scalars")
            if value != 0 { for index in scalar..<scalar + length { flat[index] = value } }
            scalar += length
        }
        precondition(scalar == flat.count, "the runs of a generated table cover the scalars")

        var numbers: [ArraySlice<UInt16>: UInt16] = [:]
        var stored: [UInt16] = []
        blocks = .allocate(capacity: 0x1100)
        for block in 0..<0x1100 {
            let slice = flat[block << 8..<(block + 1) << 8]
            let number = numbers[slice] ?? UInt16(stored.count >> 8)
            if number == stored.count >> 8 {
                numbers[slice] = number
                stored += slice
            }
            blocks[block] = number
        }
        values = .allocate(capacity: stored.count)
        values.initialize(from: stored, count: stored.count)
    }

    deinit {
        blocks.deallocate()
        values.deallocate()
    }

    /// - Parameter scalar: below 0x110000.
    @inline(__always)
    subscript(scalar: UInt32) -> UInt16 {
        values[Int(blocks[Int(scalar >> 8)]) << 8 | Int(scalar & 0xFF)]
    }
}

/// The flags of every scalar.
struct ScalarClasses: Sendable {
    static let shared = ScalarClasses()
    private let table = ScalarTable(runs: UnicodeTables.classes)

    @inline(__always)
    subscript(scalar: UInt32) -> ScalarFlags { ScalarFlags(rawValue: table[scalar]) }
}

/// Reads the numbers of generated tables.
enum HexText {
    static func number(_ digits: some Sequence<UInt8>) -> UInt32 {
        digits.reduce(0) { $0 << 4 | UInt32($1 < 0x40 ? $1 - 0x30 : ($1 | 0x20) - 0x57) }
    }
}
