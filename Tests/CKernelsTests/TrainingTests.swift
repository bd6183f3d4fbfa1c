import CKernels
import Foundation
import Testing

/// Products and gradients of training: every implementation gives the same bits, near a reference in f64.
@Suite struct TrainingTests {
    /// Shapes with rests in every dimension, and deeper than one pass.
    private static let shapes = [(1, 1, 1), (3, 7, 5), (8, 48, 128), (9, 49, 129), (17, 100, 64), (5, 16, 300), (2, 15, 0)]

    @Test(arguments: shapes, [false, true])
    func matmul(shape: (rows: Int, columns: Int, depth: Int), accumulates: Bool) {
        let (rows, columns, depth) = shape
        var numbers = Numbers(rows + columns + depth)
        // a is transposed in memory, and all rows are longer than needed.
        let a = numbers.floats((depth + 1) * (rows + 2)), b = numbers.floats((depth + 1) * (columns + 3)), start = numbers.floats(rows * (columns + 1))
        let results = implementations.map { name in
            var c = start
            kernels(name).training.matmul(
                a, 1, rows + 2, b, columns + 3, &c, columns + 1, rows, columns, depth, accumulates)
            return c
        }
        for (name, result) in zip(implementations, results) { #expect(bits(result) == bits(results[0]), "\(name)") }
        for row in 0..<rows {
            for column in 0..<columns {
                var sum = accumulates ? Double(start[row * (columns + 1) + column]) : 0
                for k in 0..<depth { sum += Double(a[k * (rows + 2) + row]) * Double(b[k * (columns + 3) + column]) }
                #expect(abs(Double(results[0][row * (columns + 1) + column]) - sum) < 1e-4)
            }
            #expect(results[0][row * (columns + 1) + columns] == start[row * (columns + 1) + columns], "nothing is written past a row")
        }
    }

    @Test func anElementHasTheSameBitsWithTheDepthCutIntoCalls() {
        var numbers = Numbers(1)
        let (rows, columns, depth) = (9, 50, 200)
        let a = numbers.floats(rows * depth), b = numbers.floats(depth * columns)
        for name in implementations {
            var (whole, parts) = ([Float](repeating: 0, count: rows * columns), [Float](repeating: 0, count: rows * columns))
            let table = kernels(name).training
            table.matmul(a, depth, 1, b, columns, &whole, columns, rows, columns, depth, false)
            table.matmul(a, depth, 1, b, columns, &parts, columns, rows, columns, 77, false)
            table.matmul(Array(a[77...]), depth, 1, Array(b[(77 * columns)...]), columns, &parts, columns, rows, columns, depth - 77, true)
            #expect(bits(whole) == bits(parts), "\(name)")
        }
    }

    /// Runs each implementation over several counts; all must give the first one's bits.
    private func same(_ run: (ck_training_kernels, Int, inout Numbers) -> [Float]) -> [(count: Int, result: [Float])] {
        [0, 1, 15, 16, 17, 64, 100, 577].map { count in
            let results = implementations.map { name in
                var numbers = Numbers(count)
                return run(kernels(name).training, count, &numbers)
            }
            for (name, result) in zip(implementations, results) { #expect(bits(result) == bits(results[0]), "\(name), \(count) elements") }
            return (count, results[0])
        }
    }

    @Test func gradientsOfActivationsAreThoseOfDifferences() {
        for isGELU in [false, true] {
            func value(_ gate: Double, _ up: Double) -> Double {
                let twice = isGELU ? 2 * (2 / Double.pi).squareRoot() * (gate + 0.044715 * gate * gate * gate) : gate
                return gate / (1 + exponential(-twice)) * up
            }
            let results = same { table, count, numbers in
                let gate = numbers.floats(count, scale: 4), up = numbers.floats(count), dy = numbers.floats(count)
                var (dGate, dUp) = ([Float](repeating: 0, count: count), [Float](repeating: 0, count: count))
                (isGELU ? table.gelu_tanh_multiply_gradient : table.silu_multiply_gradient)(gate, up, dy, count, &dGate, &dUp)
                return dGate + dUp
            }
            for (count, result) in results {
                var numbers = Numbers(count)
                let gate = numbers.floats(count, scale: 4), up = numbers.floats(count), dy = numbers.floats(count)
                for index in 0..<count {
                    let (g, u, d, h) = (Double(gate[index]), Double(up[index]), Double(dy[index]), 1e-5)
                    let slope = d * (value(g + h, u) - value(g - h, u)) / (2 * h)
                    #expect(abs(Double(result[index]) - slope) < 1e-5)
                    #expect(abs(Double(result[count + index]) - d * value(g, 1)) < 1e-5)
                }
            }
        }
    }

    @Test func theGradientOfANormIsThatOfDifferences() {
        let results = same { table, count, numbers in
            let x = numbers.floats(count), weight = numbers.floats(count), dy = numbers.floats(count)
            var dx = numbers.floats(count)
            table.rms_norm_gradient(x, weight, dy, 1e-5, count, &dx)
            return dx
        }
        for (count, result) in results where count > 0 && count <= 64 {
            var numbers = Numbers(count)
            let x = numbers.floats(count).map(Double.init), weight = numbers.floats(count), dy = numbers.floats(count)
            let start = numbers.floats(count)
            func loss(_ x: [Double]) -> Double {
                let r = 1 / (x.reduce(0) { $0 + $1 * $1 } / Double(count) + Double(Float(1e-5))).squareRoot()
                return (0..<count).reduce(0) { $0 + x[$1] * r * Double(weight[$1]) * Double(dy[$1]) }
            }
            for index in 0..<count {
                var (above, below) = (x, x)
                above[index] += 1e-5
                below[index] -= 1e-5
                #expect(abs(Double(result[index]) - Double(start[index]) - (loss(above) - loss(below)) / 2e-5) < 1e-4)
            }
        }
    }

    @Test func aSoftmaxSumsToOneAndCanBeMadeAgain() {
        let results = same { table, count, numbers in
            let x = numbers.floats(count, scale: 20)
            var (p, again) = (x, x)
            let sum = table.softmax_logsumexp(&p, 0.7, count)
            table.exp_minus(&again, 0.7, sum, count)
            #expect(bits(p) == bits(again))
            return p + [sum]
        }
        for (count, result) in results where count > 0 {
            #expect(abs(result.dropLast().reduce(0.0) { $0 + Double($1) } - 1) < 1e-5)
        }
    }

    @Test func exponentialsAboveAGivenGreatest() {
        for (count, result) in same({ table, count, numbers in
            var x = numbers.floats(count, scale: 20)
            let sum = table.exp_shifted(&x, 15, count)
            return x + [sum]
        }) {
            var numbers = Numbers(count)
            let expected = numbers.floats(count, scale: 20).map { exponential(Double($0) - 15) }
            for index in 0..<count { #expect(abs(Double(result[index]) / expected[index] - 1) < 4e-6) }
            #expect(abs(Double(result[count]) - expected.reduce(0, +)) < 1e-5 * (1 + expected.reduce(0, +)))
        }
    }

    @Test func numbersInBfloatComeBackRounded() {
        for (count, result) in same({ table, count, numbers in
            let x = numbers.floats(count) + [0, 1e-20, .infinity, .nan]
            var (halves, y) = ([UInt16](repeating: 0, count: x.count), x)
            table.round_bfloats(x, x.count, &halves)
            table.widen_bfloats(halves, x.count, &y)
            return y
        }) {
            var numbers = Numbers(count)
            for (value, rounded) in zip(numbers.floats(count), result) { #expect(abs(rounded - value) <= abs(value) / 256) }
            #expect(result[count] == 0 && result[count + 1] == 0 && result[count + 2] == .infinity && result[count + 3].isNaN)
        }
    }

    @Test func slopesOfASoftmaxAndProducts() {
        for (count, result) in same({ table, count, numbers in
            let p = numbers.floats(count), dp = numbers.floats(count)
            var (ds, y) = (dp, p)
            table.softmax_gradient(p, dp, 0.25, 0.5, count, &ds)
            table.add_product(p, dp, &y, count)
            return ds + y
        }) {
            var numbers = Numbers(count)
            let p = numbers.floats(count), dp = numbers.floats(count)
            for index in 0..<count {
                #expect(abs(result[index] - 0.5 * p[index] * (dp[index] - 0.25)) < 1e-6)
                #expect(abs(result[count + index] - (p[index] + p[index] * dp[index])) < 1e-6)
            }
        }
    }
}
