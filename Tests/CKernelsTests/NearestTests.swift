import CKernels
import Testing

@Suite struct NearestTests {
    @Test func distancesAreTheNumbersOfBitsThatDiffer() {
        for words in [1, 2, 5, 6, 7, 13, 64] {
            for count in [0, 1, 3, 17, 256] {
                var numbers = Numbers(words * 1000 + count)
                let query = (0..<words).map { _ in numbers.bits() }
                var rows = (0..<words * count).map { _ in numbers.bits() }
                if count > 1 {
                    rows.replaceSubrange(0..<words, with: query)
                    rows.replaceSubrange(words..<2 * words, with: query.map { ~$0 })
                }
                let expected = (0..<count).map { row in
                    UInt16((0..<words).reduce(0) { $0 + (query[$1] ^ rows[row * words + $1]).nonzeroBitCount })
                }
                if count > 1 { #expect(expected[0] == 0 && expected[1] == 64 * words) }
                for name in implementations {
                    var found = [UInt16](repeating: .max, count: count + 1)
                    kernels(name).nearest.hamming(query, rows, count, words, &found)
                    #expect(Array(found.dropLast()) == expected, "\(name), \(count) rows of \(words)")
                    #expect(found.last == .max, "nothing is written past the end")
                }
            }
        }
    }

    @Test func productsOfInt8AreExactAtEveryLengthAndOffset() {
        for count in Array(0...67) + [383, 384, 1024, 1 << 16] {
            var numbers = Numbers(count)
            var (a, b) = ((0...count).map { _ in Int8(bitPattern: numbers.byte()) }, (0...count).map { _ in Int8(bitPattern: numbers.byte()) })
            // The greatest sum that there is.
            if count == 1 << 16 { (a, b) = ([Int8](repeating: -128, count: count + 1), [Int8](repeating: 127, count: count + 1)) }
            let expected = zip(a.dropFirst(), b.dropFirst()).reduce(0) { $0 + Int($1.0) * Int($1.1) }
            for name in implementations {
                let found = a.withUnsafeBufferPointer { a in
                    b.withUnsafeBufferPointer { b in kernels(name).nearest.dot(a.baseAddress! + 1, b.baseAddress! + 1, count) }
                }
                #expect(Int(found) == expected, "\(name), \(count)")
            }
        }
    }
}
