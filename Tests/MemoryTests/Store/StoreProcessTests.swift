import Foundation
import TestSupport
import Testing

@testable import Memory

#if canImport(Glibc)
import Glibc
#endif

@Suite("A store whose process is killed, and full disks")
struct StoreProcessTests {
    private static let limits: StoreLimits = {
        var limits = StoreLimits()
        limits.segmentBytes = 6000
        limits.deadBytes = 3000
        return limits
    }()

    /// A line for each change that `apply` acknowledged: `a` or `f`, id, number of the record. One `write` each, so a kill cuts no line.
    private static func tell(_ path: String, _ log: String, seed: UInt64) throws {
        let store = try MemoryStore(path, identity: StoreFixture.identity, limits: limits)
        let descriptor = Glibc.open(log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        @Sendable func note(_ lines: String) { _ = lines.withCString { Glibc.write(descriptor, $0, strlen($0)) } }
        DispatchQueue.concurrentPerform(iterations: 3) { thread in
            var random = Numbers(seed &* 7 &+ UInt64(thread))
            var known: [Fact.ID] = []
            while true {
                do {
                    switch random.next() % 8 {
                    case 0..<4:
                        let numbers = (0...Int(random.next() % 3)).map { _ in Int(random.next() % 10_000) }
                        let ids = try store.add(numbers.map { StoreFixture.record($0) })
                        known += ids
                        note(zip(ids, numbers).map { "a \($0) \($1)\n" }.joined())
                    case 4, 5:
                        guard let id = known.randomElement(using: &random) else { continue }
                        let number = Int(random.next() % 10_000)
                        // What is about to change may be found changed or not.
                        note("c \(id) \(number)\n")
                        try store.change(StoreFixture.record(number).with(id: id))
                        note("a \(id) \(number)\n")
                    case 6:
                        guard let id = known.popLast() else { continue }
                        note("d \(id) 0\n")
                        try store.forget([id])
                        note("f \(id) 0\n")
                    default: try store.compact(force: random.next() % 2 == 0)
                    }
                } catch {
                    note("e 0 0 \(error)\n")
                    exit(1)
                }
            }
        }
    }

    /// What was acknowledged so far: id -> numbers that may be found, and ids that must or may be gone.
    private struct Acknowledged {
        var found: [Fact.ID: Set<Int>] = [:]
        var forgotten: Set<Fact.ID> = []
        var mayBeForgotten: Set<Fact.ID> = []

        init(_ log: String) {
            for line in log.split(separator: "\n") {
                let fields = line.split(separator: " ")
                guard fields.count == 3, let id = Fact.ID(fields[1]), let number = Int(fields[2]) else {
                    Issue.record("the writer failed: \(line)")
                    continue
                }
                switch fields[0] {
                case "a": found[id] = [number]
                case "c": found[id, default: []].insert(number)
                case "d": mayBeForgotten.insert(id)
                default:
                    forgotten.insert(id)
                    found[id] = nil
                }
            }
        }
    }

    @Test("kill -9 at any moment loses nothing that was acknowledged and shows nothing that was not told")
    func kills() async throws {
        let fixture = try StoreFixture()
        let log: String = fixture.folder.place("log")
        var random = Numbers(UInt64.random(in: 0 ... .max))
        for round in 0..<10 {
            let path: String = fixture.path
            let seed: UInt64 = random.next()
            let bytes: Int = Int(random.next() % 3000)
            await #expect(processExitsWith: .signal(SIGKILL), "round \(round)") {
                [path = path as String, log = log as String, seed = seed as UInt64, bytes = bytes as Int] in
                // Ends the process when so many bytes more have been acknowledged, wherever the writers are then.
                @Sendable func length() -> Int {
                    var status = stat()
                    return stat(log, &status) == 0 ? Int(status.st_size) : 0
                }
                let end = length() + bytes
                Thread.detachNewThread {
                    while length() < end { usleep(200) }
                    kill(getpid(), SIGKILL)
                }
                try StoreProcessTests.tell(path, log, seed: seed)
            }
            let acknowledged = Acknowledged(try String(contentsOfFile: log, encoding: .utf8))
            let records = try StoreFixture.records(fixture.open().snapshot)
            for (id, numbers) in acknowledged.found {
                guard let record = records[id] else {
                    #expect(acknowledged.mayBeForgotten.contains(id), "round \(round): fact \(id) is lost")
                    continue
                }
                #expect(numbers.contains { record == StoreFixture.record($0).with(id: id) }, "round \(round): fact \(id) is another one")
            }
            #expect(acknowledged.forgotten.isDisjoint(with: records.keys), "round \(round)")
            // What was written and not acknowledged is a whole fact.
            for (id, record) in records where acknowledged.found[id] == nil {
                let number = Int(record.fact.created - 1_700_000_000)
                #expect(record == StoreFixture.record(number).with(id: id), "round \(round): half of fact \(id)")
            }
        }
    }

    /// A limit on the length of files stands for a full disk: a write is cut short, and the next fails.
    @Test("a write that the disk cuts short is an error; what was told before is there, and the store goes on when there is room")
    func fullDisk() async throws {
        await #expect(processExitsWith: .success) {
            signal(SIGXFSZ, SIG_IGN)
            let fixture = try StoreFixture()
            let store = try fixture.open()
            try store.add([StoreFixture.record(1), StoreFixture.record(2)])
            let (expected, size) = (try StoreFixture.records(store.snapshot), try fixture.bytes("00000001.facts").count)
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            for room in [0, 1, 100, 500] {
                var low = limit
                low.rlim_cur = rlim_t(size + room)
                setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &low)
                let error = StoreFixture.failure { try store.add((0..<5).map { StoreFixture.record($0) }) }
                #expect(error?.code == .full && error?.message.contains("nothing was stored: make room") == true, "\(error?.description ?? "stored")")
                #expect(try StoreFixture.records(store.snapshot) == expected)
                #expect(try fixture.bytes("00000001.facts").count == size)
                #expect(try StoreFixture.records(MemorySnapshot.read(fixture.path)) == expected)
            }
            // Forgetting takes 80 bytes, and compaction needs more.
            var low = limit
            low.rlim_cur = rlim_t(size + 100)
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &low)
            try store.forget([1])
            low.rlim_cur = 100
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &low)
            #expect(StoreFixture.failure { try store.compact(force: true) }?.code == .full)
            #expect(Array(store.snapshot.ids) == [2])
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            #expect(try store.add([StoreFixture.record(7)]) == [3])
            try store.compact(force: true)
            #expect(Array(try MemorySnapshot.read(fixture.path).ids) == [2, 3])
        }
    }

    /// By hand: `mount -t tmpfs -o size=256k tmpfs PLACE`, and `LMOE_TEST_SMALL_DISK=PLACE`.
    @Test("a store on a full disk keeps what was told", .enabled(if: ProcessInfo.processInfo.environment["LMOE_TEST_SMALL_DISK"] != nil))
    func smallDisk() throws {
        let place = try #require(ProcessInfo.processInfo.environment["LMOE_TEST_SMALL_DISK"]) + "/store"
        let store = try MemoryStore(place, identity: StoreFixture.identity, limits: Self.limits)
        var count = 0
        while StoreFixture.failure({ try store.add([StoreFixture.record(count)]) }) == nil { count += 1 }
        #expect(count > 100 && store.snapshot.count == count)
        #expect(StoreFixture.failure { try store.add([StoreFixture.record(count)]) }?.code == .full)
        let records = try StoreFixture.records(MemorySnapshot.read(place))
        #expect(records.count == count)
        try FileManager.default.removeItem(atPath: place)
    }

    @Test("a writer of another process is named")
    func otherProcess() async throws {
        let fixture = try StoreFixture()
        let store = try fixture.open()
        try store.add([StoreFixture.record(1)])
        let path: String = fixture.path
        let process: Int32 = getpid()
        await #expect(processExitsWith: .success) { [path = path as String, process = process as Int32] in
            let error = StoreFixture.failure { _ = try MemoryStore(path, identity: StoreFixture.identity) }
            #expect(error?.code == .unavailable && error?.message.hasPrefix("process \(process) writes into this store") == true)
            let snapshot = try MemorySnapshot.read(path)
            #expect(snapshot.count == 1)
        }
        #expect(try store.add([StoreFixture.record(2)]) == [2])
    }
}
