import Foundation
import Synchronization
import Testing

@testable import Tensors

/// Where the threads of a pool may run, by their masks of CPUs: the kernel does what a mask says. On the CPUs that the tests may use, of which there may be only one.
@Suite struct PinningTests {
    private let allowed = UsableCPUs.allowed

    /// The last CPU first, so that no thread is where the system would put it anyway.
    @Test func eachThreadOfARunMayUseItsCPUOnly() throws {
        let cpus = CPUList(allowed.numbers.reversed())
        let pool = try WorkerPool(starting: cpus.numbers.count, cpus: cpus)
        let seen = Mutex<[Int: CPUList]>([:])
        for _ in 0..<3 {
            seen.withLock { $0 = [:] }
            pool.run { thread in seen.withLock { $0[thread] = UsableCPUs.allowed } }
            for (thread, cpu) in cpus.numbers.enumerated() { #expect(seen.withLock { $0[thread] } == CPUList([cpu])) }
        }
    }

    @Test func aCallerIsWhereItWasAfterARunAndSoAreOthers() throws {
        let last = CPUList([try #require(allowed.numbers.last)])
        let pool = try WorkerPool(starting: 1, cpus: last)
        let after = Mutex<[CPUList]>([]), during = Mutex<[CPUList]>([])
        let group = DispatchGroup()
        for _ in 0..<4 {
            let thread = Thread {
                pool.run { _ in during.withLock { $0.append(UsableCPUs.allowed) } }
                after.withLock { $0.append(UsableCPUs.allowed) }
                group.leave()
            }
            group.enter()
            thread.start()
        }
        group.wait()
        #expect(during.withLock { $0 } == Array(repeating: last, count: 4))
        #expect(after.withLock { $0 } == Array(repeating: allowed, count: 4))
    }

    @Test func withoutCPUsNothingIsPinned() {
        let pool = WorkerPool(threads: 2)
        let seen = Mutex<[CPUList]>([])
        pool.run { _ in seen.withLock { $0.append(UsableCPUs.allowed) } }
        #expect(seen.withLock { $0 } == [allowed, allowed])
    }

    @Test func aCPUThatIsNotThereIsNamed() throws {
        let missing = try #require((0..<CPUList.limit).first { !allowed.numbers.contains($0) })
        let error = #expect(throws: ResourceError.self) { try WorkerPool(starting: 1, cpus: CPUList(allowed.numbers + [missing])) }
        #expect(error?.message == "there is no CPU \(missing), or this process may not use it; it may use \(allowed)")
        #expect(throws: ResourceError.self) { try WorkerPool(starting: allowed.numbers.count + 1, cpus: allowed) }
    }
}
