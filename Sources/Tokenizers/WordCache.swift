/// The tokens of words seen lately: 4,096 places of 64 bytes, one a hash value, the newest word wins.
///
/// Holds words of at most 31 bytes and 8 tokens, which nearly all are; others are merged anew each time.
struct WordCache {
    static let longestWord = 31
    static let mostTokens = 8
    private static let places = 4096

    /// A word's bytes and length, padded with zeros: equal words have equal keys.
    struct Key: Equatable {
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

        /// - Parameter word: 1 to 31 bytes.
        init(_ word: UnsafeBufferPointer<UInt8>) {
            withUnsafeMutableBytes(of: &words) { bytes in
                bytes.copyMemory(from: UnsafeRawBufferPointer(word))
                bytes[31] = UInt8(word.count)
            }
        }

        static func == (left: Key, right: Key) -> Bool {
            (left.words.0 ^ right.words.0) | (left.words.1 ^ right.words.1) | (left.words.2 ^ right.words.2)
                | (left.words.3 ^ right.words.3) == 0
        }

        var place: Int {
            var mixed = words.0 &* 0x9E37_79B9_7F4A_7C15 ^ words.1 &* 0xC2B2_AE3D_27D4_EB4F
            mixed ^= words.2 &* 0x1656_67B1_9E37_79F9 ^ words.3 &* 0x27D4_EB2F_1656_67C5
            mixed ^= mixed >> 32
            mixed = mixed &* 0x9E37_79B9_7F4A_7C15
            return Int(mixed >> 52)
        }

        fileprivate init() {}
    }

    private var keys = [Key](repeating: Key(), count: places)
    /// Eight a place; -1 ends a shorter list.
    private var tokens = [Int32](repeating: -1, count: places * mostTokens)

    /// Appends the tokens of a word; false when it is not here.
    func append(_ key: Key, to ids: inout [Int32]) -> Bool {
        let place = key.place
        guard keys[place] == key else { return false }
        for index in place * Self.mostTokens..<(place + 1) * Self.mostTokens {
            guard tokens[index] >= 0 else { break }
            ids.append(tokens[index])
        }
        return true
    }

    mutating func insert(_ key: Key, _ ids: ArraySlice<Int32>) {
        guard ids.count <= Self.mostTokens else { return }
        let place = key.place
        keys[place] = key
        for index in 0..<Self.mostTokens {
            tokens[place * Self.mostTokens + index] = index < ids.count ? ids[ids.startIndex + index] : -1
        }
    }
}
