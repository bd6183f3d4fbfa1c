internal import Tensors

/// A draw without chance: the same words always draw the same, so that a share of requests can be told apart again.
public enum EvenDraw {
    /// Even over `0..<1` for different words.
    public static func fraction(_ words: [String]) -> Double {
        let digits = ContentDigest(of: words.map { ContentDigest(of: $0) }).hexadecimal.prefix(13)
        return Double(UInt64(digits, radix: 16) ?? 0) / Double(UInt64(1) << 52)
    }
}
