internal import CAllocations
import Foundation

/// Seconds that a piece of work takes.
func elapsed<Failure: Error>(_ body: () throws(Failure) -> Void) throws(Failure) -> Double {
    let clock = ContinuousClock()
    let start = clock.now
    try body()
    return (clock.now - start) / .seconds(1)
}

/// Several measurements of the same thing.
struct Samples {
    private let sorted: [Double]

    init(_ values: [Double]) { sorted = values.sorted() }

    var median: Double { sorted.isEmpty ? .nan : sorted[sorted.count / 2] }
    var least: Double { sorted.first ?? .nan }
    var greatest: Double { sorted.last ?? .nan }
}

/// Memory of this process by the kernel's count.
struct ProcessMemory {
    /// What was just done.
    let label: String
    let resident: Int
    /// Of these, what is no page of a file, which the system could drop.
    let anonymous: Int
    let peak: Int

    static func now(_ label: String) -> ProcessMemory {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        func bytes(_ key: String) -> Int {
            let line = status.split(separator: "\n").first { $0.hasPrefix(key) }
            let number = line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first
            return number.flatMap { Int($0) }.map { $0 * 1024 } ?? 0
        }
        return ProcessMemory(label: label, resident: bytes("VmRSS:"), anonymous: bytes("RssAnon:"), peak: bytes("VmHWM:"))
    }

    /// Bytes that the machine could still give.
    static var available: Int {
        let status = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
        return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 } ?? 0
    }
}

/// Allocations of all threads while a piece of work runs; nil where this build cannot count.
func allocations<Failure: Error>(_ body: () throws(Failure) -> Void) throws(Failure) -> Int? {
    ca_start()
    defer { _ = ca_stop() }
    try body()
    let count = ca_stop()
    return ca_can_count() ? Int(count) : nil
}
