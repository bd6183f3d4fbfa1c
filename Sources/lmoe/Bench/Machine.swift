import Foundation
import Tensors

/// The machine and what its memory gives.
struct Machine {
    let name: String
    let cores: Int
    let threads: Int
    /// Bytes per second that all threads together read from memory.
    let bandwidth: Double

    /// Measures for about a second.
    init(pool: WorkerPool) {
        let information = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let model = information.split(separator: "\n").first { $0.hasPrefix("model name") }
        name = model?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
        cores = ProcessInfo.processInfo.activeProcessorCount
        threads = pool.threads
        bandwidth = Machine.measure(pool)
    }

    /// The best of several sums over a buffer far larger than the caches.
    private static func measure(_ pool: WorkerPool) -> Double {
        let floats = 64 << 20
        let buffer = FloatBuffer(count: floats)
        // Touch every page: memory that was never written is one shared page of zeros.
        pool.run { thread in
            let slice = WorkerPool.slice(floats, of: thread, threads: pool.threads, multiple: 64)
            for index in stride(from: slice.lowerBound, to: slice.upperBound, by: 1024) { buffer.pointer[index] = 1 }
        }
        let sums = FloatBuffer(count: pool.threads * 16)
        var best = Double.infinity
        // Many short rounds: one that no other process disturbs is enough.
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

    static func elapsed(_ body: () -> Void) -> Double {
        let clock = ContinuousClock()
        let start = clock.now
        body()
        return (clock.now - start) / .seconds(1)
    }

    /// Resident bytes of this process now and at most, by the kernel's count.
    static var memory: (now: Int, peak: Int) {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        func bytes(_ key: String) -> Int {
            let line = status.split(separator: "\n").first { $0.hasPrefix(key) }
            return line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }.map {
                $0 * 1024
            } ?? 0
        }
        return (bytes("VmRSS:"), bytes("VmHWM:"))
    }
}
