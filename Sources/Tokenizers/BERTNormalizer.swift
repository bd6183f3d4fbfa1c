/// What BERT does to a text before it is cut into words: control characters go, white space becomes a space, Chinese
/// characters become words of their own, accents are removed, letters become lower case. Each step follows the reference and its
/// Unicode tables.
struct BERTNormalizer: Sendable {
    var cleansText = true
    var isolatesChinese = true
    var stripsAccents = true
    var lowercases = true

    /// Appends the normalized text. A mark never moves across white space, so that a text may be normalized piece by
    /// piece where the pieces meet at ASCII white space.
    func normalize(_ range: Range<Int>, in text: UTF8Text, into bytes: inout [UInt8]) {
        bytes.reserveCapacity(bytes.count + range.count)
        if text.bytes[range].allSatisfy({ $0 < 0x80 }) {
            for byte in text.bytes[range] { appendASCII(byte, to: &bytes) }
            return
        }
        var scalars = cleaned(range, in: text)
        if stripsAccents {
            NormalForms.shared.sortMarks(&scalars)
            scalars.removeAll { $0 >= 0x300 && text.classes[$0].contains(.nonspacingMark) }
        }
        for scalar in scalars {
            if lowercases { LowerCase.shared.append(scalar, to: &bytes) } else { appendScalar(scalar, to: &bytes) }
        }
    }

    private func appendASCII(_ byte: UInt8, to bytes: inout [UInt8]) {
        switch byte {
        case 0x21...0x7E:
            let isCapital = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
            bytes.append(lowercases && isCapital ? byte | 0x20 : byte)
        case 0x09, 0x0A, 0x0D, 0x20:
            bytes.append(cleansText ? 0x20 : byte)
        default:
            if !cleansText { bytes.append(byte) }
        }
    }

    /// The first steps, and decomposed where accents are to go.
    private func cleaned(_ range: Range<Int>, in text: UTF8Text) -> [UInt32] {
        var scalars: [UInt32] = []
        scalars.reserveCapacity(range.count)
        var index = range.lowerBound
        while index < range.upperBound {
            var (scalar, length) = text.scalar(at: index)
            index += length
            let flags = text.classes[scalar]
            if cleansText {
                if flags.contains(.removedByBERT) { continue }
                if flags.contains(.spaceForBERT) { scalar = 0x20 }
            }
            let isAlone = isolatesChinese && flags.contains(.chineseForBERT)
            if isAlone { scalars.append(0x20) }
            if stripsAccents {
                NormalForms.shared.decompose(scalar, into: &scalars)
            } else {
                scalars.append(scalar)
            }
            if isAlone { scalars.append(0x20) }
        }
        return scalars
    }
}
