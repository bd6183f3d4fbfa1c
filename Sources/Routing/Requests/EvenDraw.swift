internal import Tensors

/// A reproducible draw: the same words always draw the same, so that the same share of requests is drawn again.
public enum EvenDraw {
    /// Uniform over `0..<1` for different words.
    public static func fraction(_ words: [String]) -> Double {
        let digits = ContentDigest(of: words.map { ContentDigest(of: $0) }).hexadecimal.prefix(13)
        return Double(UInt64(digits, radix: 16) ?? 0) / Double(UInt64(1) << 52)
    }
}
