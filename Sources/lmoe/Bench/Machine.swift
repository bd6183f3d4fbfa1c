import Foundation
import Tensors

/// The machine and what it gives at most: the ceilings that everything else is compared with. Measured with all threads at once.
struct Machine {
    let name: String
    let cores: Int
    let threads: Int
    /// The kernels in use: avx512_bf16, avx512, avx2, neon_i8mm, neon or scalar.
    let kernels: String
    /// Bytes per second that all threads together read from memory.
    let bandwidth: Double
    /// Operations per second; a multiply-add is two.
    let int8Rate: Double
    let f32Rate: Double

    /// Measures for about a second.
    init(pool: WorkerPool) {
        let information = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let model = information.split(separator: "\n").first { $0.hasPrefix("model name") }
        name = model?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
        cores = ProcessInfo.processInfo.activeProcessorCount
        threads = pool.threads
        kernels = Kernels.implementation
        bandwidth = Machine.bandwidth(pool)
        int8Rate = Machine.rate(of: .int8, pool)
        f32Rate = Machine.rate(of: .f32, pool)
    }

    /// The best of many short runs: one that no other process disturbs is enough.
    private static func rate(of peak: Kernels.Peak, _ pool: WorkerPool) -> Double {
        // So many rounds that a run takes about two milliseconds.
        var rounds = 100
        let multiplyAdds = Kernels.run(peak, rounds: 1)
        while rounds < 500_000, elapsed({ _ = Kernels.run(peak, rounds: rounds) }) < 0.002 { rounds *= 2 }
        var best = 0.0
        for _ in 0..<30 {
            let seconds = elapsed { pool.run { _ in _ = Kernels.run(peak, rounds: rounds) } }
            best = max(best, 2 * Double(pool.threads * rounds * multiplyAdds) / seconds)
        }
        return best
    }

    /// The best of several sums over a buffer far larger than the caches.
    private static func bandwidth(_ pool: WorkerPool) -> Double {
        let floats = 64 << 20
        let buffer = FloatBuffer(count: floats)
        // Touch every page: memory that was never written is one shared page of zeros.
        pool.run { thread in
            let slice = WorkerPool.slice(floats, of: thread, threads: pool.threads, multiple: 64)
            for index in stride(from: slice.lowerBound, to: slice.upperBound, by: 1024) { buffer.pointer[index] = 1 }
        }
        let sums = FloatBuffer(count: pool.threads * 16)
        var best = Double.infinity
        for _ in 0..<40 {
            let seconds = elapsed {
                pool.run { thread in
                    let slice = WorkerPool.slice(floats, of: thread, threads: pool.threads, multiple: 64)
                    sums.pointer[thread * 16] = sum(buffer.pointer + slice.lowerBound, slice.count)
                }
            }
            best = min(best, seconds)
        }
        return Double(floats * MemoryLayout<Float>.stride) / best
    }

    private static func sum(_ values: UnsafePointer<Float>, _ count: Int) -> Float {
        let lanes = UnsafeRawPointer(values).assumingMemoryBound(to: SIMD16<UInt32>.self)
        var totals = (SIMD16<UInt32>.zero, SIMD16<UInt32>.zero, SIMD16<UInt32>.zero, SIMD16<UInt32>.zero)
        var index = 0
        while index + 4 <= count / 16 {
            totals.0 &+= lanes[index]
            totals.1 &+= lanes[index + 1]
            totals.2 &+= lanes[index + 2]
            totals.3 &+= lanes[index + 3]
            index += 4
        }
        return Float((totals.0 &+ totals.1 &+ totals.2 &+ totals.3).wrappedSum())
    }
}
