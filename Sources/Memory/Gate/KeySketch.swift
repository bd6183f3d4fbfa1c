/// A vector's signs, one bit an element: 48 bytes instead of 384. The number of bits in which two sketches differ estimates the angle
/// between the vectors (Charikar, Similarity Estimation Techniques from Rounding Algorithms, 2002).
///
/// Element i is bit `i % 64` of word `i / 64`, 1 if it is negative. The bits behind the last element are 0.
enum KeySketch {
    /// Words of a sketch.
    static func words(_ dimension: Int) -> Int { (dimension + 63) / 64 }

    static func append(_ vector: some Collection<Int8>, to sketches: inout [UInt64]) {
        var (word, bit) = (UInt64(0), UInt64(0))
        for element in vector {
            if element < 0 { word |= 1 << bit }
            bit += 1
            if bit == 64 {
                sketches.append(word)
                (word, bit) = (0, 0)
            }
        }
        if bit > 0 { sketches.append(word) }
    }
}
