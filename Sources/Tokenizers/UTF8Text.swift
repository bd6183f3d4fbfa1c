/// Well-formed UTF-8, borrowed for the time of a call, read scalar by scalar.
struct UTF8Text {
    let bytes: UnsafeBufferPointer<UInt8>
    let classes: ScalarClasses

    init(_ bytes: UnsafeBufferPointer<UInt8>, classes: ScalarClasses = .shared) {
        self.bytes = bytes
        self.classes = classes
    }

    /// The scalar that begins at `index`, and its length in bytes.
    @inline(__always)
    func scalar(at index: Int) -> (value: UInt32, length: Int) {
        let first = UInt32(bytes[index])
        if first < 0x80 { return (first, 1) }
        if first < 0xE0 { return ((first & 0x1F) << 6 | continuation(index + 1), 2) }
        if first < 0xF0 {
            return ((first & 0x0F) << 12 | continuation(index + 1) << 6 | continuation(index + 2), 3)
        }
        return (
            (first & 0x07) << 18 | continuation(index + 1) << 12 | continuation(index + 2) << 6 | continuation(index + 3), 4
        )
    }

    @inline(__always)
    func flags(at index: Int) -> (flags: ScalarFlags, length: Int) {
        let scalar = scalar(at: index)
        return (classes[scalar.value], scalar.length)
    }

    /// Where the scalar before `index` begins.
    func start(before index: Int) -> Int {
        var start = index - 1
        while start > 0 && bytes[start] & 0xC0 == 0x80 { start -= 1 }
        return start
    }

    /// The end of the run of scalars from `index` on that have one of these flags.
    @inline(__always)
    func end(of flags: ScalarFlags, from index: Int, limit: Int) -> Int {
        var end = index
        while end < limit {
            let next = self.flags(at: end)
            if next.flags.isDisjoint(with: flags) { break }
            end += next.length
        }
        return end
    }

    @inline(__always)
    private func continuation(_ index: Int) -> UInt32 { UInt32(bytes[index] & 0x3F) }
}

/// Appends a scalar as UTF-8.
func appendScalar(_ scalar: UInt32, to bytes: inout [UInt8]) {
    switch scalar {
    case ..<0x80:
        bytes.append(UInt8(truncatingIfNeeded: scalar))
    case ..<0x800:
        bytes.append(UInt8(truncatingIfNeeded: 0xC0 | scalar >> 6))
        bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3F))
    case ..<0x10000:
        bytes.append(UInt8(truncatingIfNeeded: 0xE0 | scalar >> 12))
        bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar >> 6 & 0x3F))
        bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3F))
    default:
        bytes.append(UInt8(truncatingIfNeeded: 0xF0 | scalar >> 18))
        bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar >> 12 & 0x3F))
        bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar >> 6 & 0x3F))
        bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3F))
    }
}
