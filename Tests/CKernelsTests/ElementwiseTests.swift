import CKernels
import Foundation
import Testing

func exponential(_ x: Double) -> Double { exp(x) }

private let counts = Array(0...35) + [48, 63, 64, 65, 100, 576, 1001]

/// `body` gets a pointer that is no multiple of 64, 16 or 8; returns what lies there after.
private func changed(_ values: [Float], _ body: (UnsafeMutablePointer<Float>) -> Void) -> [Float] {
    var copy = unaligned(values) + [7]
    copy.withUnsafeMutableBufferPointer { body($0.baseAddress! + 1) }
    #expect(copy.last == 7, "nothing is written past the end")
    return Array(copy[1..<copy.count - 1])
}

@Suite struct ElementwiseTests {
    /// Runs each implementation over all counts; all must give the first one's bits, and those be near `reference`.
    private func check(
        scale: Float = 3, tolerance: Double = 1e-6, _ run: (ck_elementwise, [Float], [Float]) -> [Float],
        reference: ([Double], [Double]) -> [Double]
    ) {
        for count in counts {
            var numbers = Numbers(count)
            let x = numbers.floats(count, scale: scale), y = numbers.floats(count)
            let results = implementations.map { run(kernels($0).elementwise, x, y) }
            let expected = reference(x.map(Double.init), y.map(Double.init))
            for (name, result) in zip(implementations, results) {
                #expect(bits(result) == bits(results[0]), "\(name), \(count) elements")
                #expect(result.count == expected.count)
                for (a, b) in zip(result, expected) {
                    #expect(abs(Double(a) - b) <= tolerance * max(1, abs(b)), "\(name), \(count) elements")
                }
            }
        }
    }

    @Test func rmsNorm() {
        check(tolerance: 2e-6) { k, x, w in
            changed(x) { k.rms_norm($0, w, 1e-5, x.count, $0) }
        } reference: { x, w in
            let mean = x.map { $0 * $0 }.reduce(0, +) / Double(x.count)
            return zip(x, w).map { $0 / (mean + 1e-5).squareRoot() * $1 }
        }
    }

    @Test func layerNorm() {
        check(tolerance: 4e-6) { k, x, w in
            changed(x) { k.layer_norm($0, w, x, 1e-5, x.count, $0) }
        } reference: { x, w in
            let mean = x.reduce(0, +) / Double(x.count)
            let variance = x.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(x.count)
            return zip(x, w).map { ($0 - mean) / (variance + 1e-5).squareRoot() * $1 + $0 }
        }
    }

    @Test func sumsAndProducts() {
        check { k, x, y in changed(y) { k.add(x, $0, x.count) } } reference: { zip($0, $1).map(+) }
        check { k, x, y in changed(y) { k.multiply(x, $0, x.count) } } reference: { zip($0, $1).map(*) }
        check { k, x, _ in changed(x) { k.scale($0, 0.7, x.count) } } reference: { x, _ in x.map { $0 * Double(Float(0.7)) } }
        check(tolerance: 1e-5) { k, x, y in [k.dot(x, y, x.count)] } reference: { [zip($0, $1).map(*).reduce(0, +)] }
    }

    @Test(arguments: [Float(1), 4, 30, 200]) func gates(scale: Float) {
        func tanhForm(_ x: Double) -> Double { 0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x))) }
        check(scale: scale) { k, x, y in changed(x) { k.silu_multiply($0, y, x.count, $0) } } reference: { zip($0, $1).map { $0 / (1 + exp(-$0)) * $1 } }
        check(scale: scale) { k, x, _ in changed(x) { k.gelu_tanh($0, x.count) } } reference: { x, _ in x.map(tanhForm) }
        check(scale: scale) { k, x, y in changed(x) { k.gelu_tanh_multiply($0, y, x.count, $0) } } reference: { zip($0, $1).map { tanhForm($0) * $1 } }
        check(scale: scale) { k, x, y in changed(x) { k.clamped_multiply($0, y, 1.702, 7, x.count, $0) } } reference: { x, y in
            zip(x, y).map { gate, up in
                let g = min(gate, 7)
                return g / (1 + exp(-Double(Float(1.702)) * g)) * (min(max(up, -7), 7) + 1)
            }
        }
        check(scale: scale) { k, x, _ in changed(x) { k.gelu($0, x.count) } } reference: { x, _ in x.map { 0.5 * $0 * (1 + erf($0 / 2.0.squareRoot())) } }
    }

    @Test func rotation() {
        for name in implementations {
            for (heads, dimension) in [(1, 2), (3, 64), (2, 20), (9, 34), (1, 128), (4, 10)] {
                var numbers = Numbers(dimension)
                let x = numbers.floats(heads * dimension), half = dimension / 2
                let angles = numbers.floats(half, scale: 3)
                let c = angles.map { Float(cos(Double($0))) }, s = angles.map { Float(sin(Double($0))) }
                let y = changed(x) { kernels(name).elementwise.rotate_halves($0, heads, dimension, c, s) }
                #expect(bits(y) == bits(changed(x) { kernels("scalar").elementwise.rotate_halves($0, heads, dimension, c, s) }))
                for head in 0..<heads {
                    for i in 0..<half {
                        let (a, b) = (x[head * dimension + i], x[head * dimension + half + i])
                        #expect(abs(y[head * dimension + i] - (a * c[i] - b * s[i])) < 1e-6)
                        #expect(abs(y[head * dimension + half + i] - (b * c[i] + a * s[i])) < 1e-6)
                    }
                }
            }
        }
    }

    @Test func softmax() {
        for scale: Float in [1, 20, 500] {
            check(scale: scale, tolerance: 4e-6) { k, x, _ in changed(x) { k.softmax($0, x.count) } } reference: { x, _ in
                let top = x.max() ?? 0, e = x.map { exp($0 - top) }, sum = e.reduce(0, +)
                return e.map { $0 / sum }
            }
        }
    }

    @Test(arguments: implementations) func theLowestOfEqualMaximaWinsAndNaNNever(name: String) {
        let k = kernels(name).elementwise
        for count in counts where count > 0 {
            var numbers = Numbers(count)
            var x = numbers.floats(count)
            for _ in 0..<3 { x[Int(numbers.bits() % UInt64(count))] = 2 }
            #expect(k.maximum_index(x, count) == x.firstIndex(of: 2))
            let place = Int(numbers.bits() % UInt64(count))
            x[place] = .nan
            let top = x.filter { !$0.isNaN }.max()
            #expect(k.maximum_index(x, count) == (top.flatMap { x.firstIndex(of: $0) } ?? 0))
        }
        #expect(k.maximum_index([-Float.infinity, -.infinity], 2) == 0)
        #expect(k.maximum_index([-Float.infinity, -3e38, .infinity], 3) == 2)
    }
}

@Suite struct DispatchTests {
    @Test func thereIsAlwaysATableAndItsNameIsItsOwn() {
        #expect(implementations.contains("scalar"))
        for name in implementations { #expect(String(cString: kernels(name).name) == name) }
        #expect(ck_kernels_named("sse9") == nil)
        #expect(implementations.contains(String(cString: ck_kernels_chosen().pointee.name)))
    }

    @Test func manyDotsHaveTheBitsOfEach() {
        for (rows, count) in [(0, 5), (1, 16), (3, 384), (4, 33), (5, 1), (9, 100), (17, 384)] {
            var numbers = Numbers(rows + count)
            let x = numbers.floats(count), matrix = numbers.floats(rows * count)
            for name in implementations {
                let k = kernels(name).elementwise
                let result = changed([Float](repeating: .nan, count: rows)) { k.dots(x, matrix, rows, count, $0) }
                let each = (0..<rows).map { row in k.dot(x, Array(matrix[row * count..<(row + 1) * count]), count) }
                #expect(bits(result) == bits(each), "\(name), \(rows) rows of \(count)")
            }
        }
    }
}
