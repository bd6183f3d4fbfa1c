/// Small letters, scalar by scalar and without context, by the reference's table.
struct LowerCase: Sendable {
    static let shared = LowerCase()

    private let mapping: [UInt32: [UInt32]]

    private init() {
        var mapping: [UInt32: [UInt32]] = [:]
        for entry in UnicodeTables.lowerCase.utf8.split(whereSeparator: { $0 == 0x20 || $0 == 0x0A }) {
            let parts = entry.split(separator: UInt8(ascii: ">"))
            let targets = parts[1].split(separator: UInt8(ascii: ".")).map { HexText.number($0) }
            let stepped = parts[0].split(separator: UInt8(ascii: "+"))
            let bounds = stepped[0].split(separator: UInt8(ascii: "-")).map { HexText.number($0) }
            let step = stepped.count > 1 ? Int(HexText.number(stepped[1])) : 1
            let (first, last) = (bounds[0], bounds[bounds.count - 1])
            for scalar in stride(from: first, through: last, by: step) {
                mapping[scalar] = targets.count > 1 ? targets : [targets[0] + (scalar - first)]
            }
        }
        self.mapping = mapping
    }

    func append(_ scalar: UInt32, to bytes: inout [UInt8]) {
        if scalar < 0x80 {
            let isCapital = scalar >= 0x41 && scalar <= 0x5A
            bytes.append(UInt8(truncatingIfNeeded: isCapital ? scalar | 0x20 : scalar))
        } else if let targets = mapping[scalar] {
            for target in targets { appendScalar(target, to: &bytes) }
        } else {
            appendScalar(scalar, to: &bytes)
        }
    }
}
