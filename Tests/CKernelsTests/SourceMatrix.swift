import CKernels

/// A random matrix in a file's format, and its values.
struct SourceMatrix {
    /// 16 inputs of an output: `w = d q + m`.
    struct Half {
        var d: Float
        var m: Float?
        var q: [Int]
    }

    let type: ck_source_type
    let outputs: Int
    let inputs: Int
    var rowBytes: Int { bytes.count / outputs }
    private(set) var bytes: [UInt8] = []
    private(set) var values: [Float] = []
    /// Of each output; empty for floats.
    private(set) var halves: [[Half]] = []
    private var numbers: Numbers

    var isFloat: Bool { [CK_SOURCE_F32, CK_SOURCE_F16, CK_SOURCE_BF16].contains(type) }
    /// Scales for each 16 inputs, not for 32.
    var hasHalves: Bool { [CK_SOURCE_Q2_K, CK_SOURCE_Q3_K, CK_SOURCE_Q6_K].contains(type) }

    init(_ type: ck_source_type, outputs: Int, inputs: Int, seed: Int) {
        (self.type, self.outputs, self.inputs, numbers) = (type, outputs, inputs, Numbers(seed))
        for _ in 0..<outputs {
            halves.append([])
            switch type {
            case CK_SOURCE_F32, CK_SOURCE_F16, CK_SOURCE_BF16: for _ in 0..<inputs { element() }
            case CK_SOURCE_Q2_K, CK_SOURCE_Q3_K, CK_SOURCE_Q6_K: for _ in 0..<inputs / 256 { halvedSuperBlock() }
            case CK_SOURCE_Q4_K, CK_SOURCE_Q5_K: for _ in 0..<inputs / 256 { superBlockWithMinimums() }
            case CK_SOURCE_IQ4_XS: for _ in 0..<inputs / 256 { tableSuperBlock() }
            default: for _ in 0..<inputs / 32 { block() }
            }
        }
    }

    /// The largest magnitude of a block of 32.
    func largest(_ output: Int, _ block: Int) -> Float {
        values[(output * inputs + 32 * block)..<(output * inputs + min(inputs, 32 * block + 32))].map(abs).max() ?? 0
    }

    private mutating func append<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    private mutating func random(_ count: Int) -> [UInt8] { (0..<count).map { _ in numbers.byte() } }

    /// A scale in f16, and its value.
    private mutating func scale(_ size: Float) -> Float {
        let half = Float16(numbers.float() * size)
        append(half.bitPattern)
        return Float(half)
    }

    private mutating func add(d: Float, m: Float? = nil, _ q: [Int]) {
        halves[halves.count - 1].append(Half(d: d, m: m, q: q))
        values += q.map { d * Float($0) + (m ?? 0) }
    }

    private mutating func add32(d: Float, m: Float? = nil, _ q: [Int]) {
        add(d: d, m: m, Array(q[..<16]))
        add(d: d, m: m, Array(q[16...]))
    }

    private mutating func element() {
        let value = numbers.float() * 0.25
        switch type {
        case CK_SOURCE_F32:
            append(value.bitPattern)
            values.append(value)
        case CK_SOURCE_F16:
            append(Float16(value).bitPattern)
            values.append(Float(Float16(value)))
        default:
            let upper = value.bitPattern & 0xffff_0000
            append(UInt16(upper >> 16))
            values.append(Float(bitPattern: upper))
        }
    }

    private static let table = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]

    private static let mxfp4 = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]

    /// The exponents whose scales f16 holds, and some below.
    private mutating func exponentBlock() {
        let exponent = UInt8(95 + Int(numbers.bits() % 40)), nibbles = random(16)
        bytes += [exponent] + nibbles
        let d = exponent < 104 ? 0 : Float(sign: .plus, exponent: Int(exponent) - 128, significand: 1)
        add32(d: d, nibbles.map { Self.mxfp4[Int($0 & 15)] } + nibbles.map { Self.mxfp4[Int($0 >> 4)] })
    }

    private mutating func block() {
        if type == CK_SOURCE_MXFP4 { return exponentBlock() }
        let d = scale(0.02)
        let m = type == CK_SOURCE_Q4_1 || type == CK_SOURCE_Q5_1 ? scale(0.1) : nil
        if type == CK_SOURCE_Q8_0 {
            let q = random(32)
            bytes += q
            return add32(d: d, q.map { Int(Int8(bitPattern: $0)) })
        }
        let five = type == CK_SOURCE_Q5_0 || type == CK_SOURCE_Q5_1
        let high = UInt32(truncatingIfNeeded: numbers.bits())
        if five { append(high) }
        let nibbles = random(16)
        bytes += nibbles
        let zero = type == CK_SOURCE_Q4_0 ? 8 : type == CK_SOURCE_Q5_0 ? 16 : 0
        let q = (0..<32).map { k in
            let low = Int(k < 16 ? nibbles[k] & 15 : nibbles[k - 16] >> 4)
            return type == CK_SOURCE_IQ4_NL ? Self.table[low] : low + (five ? Int(high >> UInt32(k) & 1) * 16 : 0) - zero
        }
        add32(d: d, m: m, q)
    }

    /// q4_K and q5_K.
    private mutating func superBlockWithMinimums() {
        let d = scale(0.001), dmin = scale(0.001), packed = random(12), high = random(32), nibbles = random(128)
        bytes += packed + (type == CK_SOURCE_Q5_K ? high : []) + nibbles
        for i in 0..<8 {
            let s = i < 4 ? packed[i] & 63 : packed[i + 4] & 15 | (packed[i - 4] >> 6) << 4
            let u = i < 4 ? packed[i + 4] & 63 : packed[i + 4] >> 4 | (packed[i] >> 6) << 4
            let q = (0..<32).map { k in
                let low = Int(nibbles[32 * (i / 2) + k] >> (i % 2 == 0 ? 0 : 4) & 15)
                return type == CK_SOURCE_Q5_K ? low + Int(high[k] >> UInt8(i) & 1) * 16 : low
            }
            add32(d: d * Float(s), m: -dmin * Float(u), q)
        }
    }

    private mutating func tableSuperBlock() {
        let d = scale(0.001), upper = UInt16(truncatingIfNeeded: numbers.bits())
        append(upper)
        let lower = random(4), nibbles = random(128)
        bytes += lower + nibbles
        for i in 0..<8 {
            let s = Int(lower[i / 2] >> (i % 2 == 0 ? 0 : 4) & 15) + Int(upper >> UInt16(2 * i) & 3) * 16
            let part = nibbles[16 * i..<16 * i + 16]
            add32(d: d * Float(s - 32), part.map { Self.table[Int($0 & 15)] } + part.map { Self.table[Int($0 >> 4)] })
        }
    }

    /// q2_K, q3_K and q6_K.
    private mutating func halvedSuperBlock() {
        let third = random(32), low = random(type == CK_SOURCE_Q6_K ? 128 : 64), high = random(64)
        let scales = random(type == CK_SOURCE_Q3_K ? 12 : 16)
        switch type {
        case CK_SOURCE_Q2_K: bytes += scales + low
        case CK_SOURCE_Q3_K: bytes += third + low + scales
        default: bytes += low + high + scales
        }
        let d = scale(0.001), dmin = type == CK_SOURCE_Q2_K ? scale(0.001) : 0
        for j in 0..<16 {
            let q = (16 * j..<16 * j + 16).map { k in
                let (half, part, l) = (k / 128, k % 128 / 32, k % 32)
                if type == CK_SOURCE_Q6_K {
                    let nibble = low[64 * half + 32 * (part % 2) + l] >> (part < 2 ? 0 : 4) & 15
                    return Int(nibble | (high[32 * half + l] >> UInt8(2 * part) & 3) << 4) - 32
                }
                let two = Int(low[32 * half + l] >> UInt8(2 * part) & 3)
                return type == CK_SOURCE_Q2_K ? two : two + Int(third[l] >> UInt8(k / 32) & 1) * 4 - 4
            }
            switch type {
            case CK_SOURCE_Q2_K: add(d: d * Float(scales[j] & 15), m: -dmin * Float(scales[j] >> 4), q)
            case CK_SOURCE_Q3_K:
                let s = Int(j < 8 ? scales[j] & 15 : scales[j - 8] >> 4) + Int(scales[8 + j % 4] >> UInt8(2 * (j / 4)) & 3) * 16
                add(d: d * Float(s - 32), q)
            default: add(d: d * Float(Int8(bitPattern: scales[j])), q)
            }
        }
    }
}
