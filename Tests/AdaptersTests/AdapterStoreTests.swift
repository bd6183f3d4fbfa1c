import Foundation
import JSON
import Models
import Synchronization
import TestSupport
import Testing

@testable import Adapters

/// The store over real folders.
@Suite struct AdapterStoreTests {
    static func store(_ folder: TemporaryFolder, budgetBytes: Int = 1 << 20, settleMilliseconds: Int = 0) -> AdapterStore {
        var limits = AdapterLimits()
        limits.settleMilliseconds = settleMilliseconds
        return AdapterStore(folder: folder.path, base: TinyBase.llama, budgetBytes: budgetBytes, limits: limits)
    }

    /// Bytes in memory of a `TinyAdapter`.
    static let tinyBytes = 2 * 4 * 2 * ((8 + 8) + (8 + 4))

    @Test func aFolderThatIsCopiedSlowlyBecomesReady() throws {
        let (folder, source) = (try TemporaryFolder(), try TemporaryFolder())
        try TinyAdapter().write(to: source.path)
        let configuration = try source.read("adapter_config.json")
        let weights = try source.read("adapter_model.safetensors")
        let store = Self.store(folder)
        #expect(store.rescan().isEmpty)
        _ = try folder.makeFolder("new")
        #expect(store.rescan().notReady["new"]?.file == "adapter_config.json")
        try folder.write(Array(configuration[..<20]), to: "new/adapter_config.json")
        #expect(store.rescan().notReady["new"]?.file == "adapter_config.json")
        try folder.write(configuration, to: "new/adapter_config.json")
        #expect(store.rescan().notReady["new"]?.file == "adapter_model.safetensors")
        for part in 0..<10 {
            try folder.write(Array(weights[..<(weights.count * part / 10)]), to: "new/adapter_model.safetensors")
            let changes = store.rescan()
            #expect(changes.notReady["new"]?.code == .notReady && changes.isEmpty)
            let error = #expect(throws: AdapterError.self) { _ = try store.acquire("new") }
            #expect(error?.code == .notReady)
        }
        try folder.write(weights, to: "new/adapter_model.safetensors")
        #expect(store.rescan().added == ["new"])
        #expect(try store.acquire("new").delta.byteCount == Self.tinyBytes)
    }

    @Test func filesThatJustChangedHaveToSettle() async throws {
        let folder = try TemporaryFolder()
        let patient = Self.store(folder, settleMilliseconds: 600_000)
        try TinyAdapter().write(to: "\(folder.path)/first")
        #expect(patient.rescan().added == ["first"], "the first scan takes what it finds")
        try TinyAdapter().write(to: "\(folder.path)/second")
        let changes = patient.rescan()
        #expect(changes.isEmpty && changes.notReady["second"] != nil && changes.retryMilliseconds == 600_000)
        let quick = Self.store(folder, settleMilliseconds: 50)
        _ = quick.rescan()
        try TinyAdapter().write(to: "\(folder.path)/third")
        try await eventually("the third is taken once it has settled") { quick.rescan().added == ["third"] }
    }

    @Test func aNameThatNoScanHasSeenIsFound() throws {
        let folder = try TemporaryFolder()
        let store = Self.store(folder)
        _ = store.rescan()
        #expect(throws: AdapterError.self) { _ = try store.acquire("new") }
        try TinyAdapter().write(to: "\(folder.path)/new")
        #expect(try store.acquire("new").name == "new")
    }

    @Test func aReplacementHasAnotherVersionAndPinsKeepTheOldOne() throws {
        let folder = try TemporaryFolder()
        try TinyAdapter(seed: 1).write(to: "\(folder.path)/a")
        let store = Self.store(folder)
        _ = store.rescan()
        let old = try store.acquire("a")
        let before = Self.values(old)
        // In place, and shorter for a while: what is pinned does not read the file.
        let weights = try folder.read("a/adapter_model.safetensors")
        try folder.write(Array(weights[..<100]), to: "a/adapter_model.safetensors")
        #expect(store.rescan().isEmpty)
        #expect(store.status("a")?.pendingReplacement?.code == .notReady)
        #expect(try store.acquire("a").version == old.version, "a copy over a served folder fails no request")
        try TinyAdapter(seed: 2).write(to: "\(folder.path)/a")
        #expect(store.rescan().replaced == ["a"])
        let new = try store.acquire("a")
        #expect(new.version != old.version)
        #expect(Self.values(old) == before && Self.values(new) != before)
        PinnedAdapter.finishReleases()
        #expect(store.status("a")?.pins == 2 && store.status("a")?.version == new.version)
        #expect(store.counters.residentAdapters == 2)
    }

    static func values(_ adapter: PinnedAdapter) -> [Float] {
        guard let lowRank = adapter.delta[0, .query]?.lowRank else { return [] }
        return (0..<lowRank.rank * lowRank.inputs).map { lowRank.a.load(fromByteOffset: 4 * $0, as: Float.self) }
    }

    @Test func theVersionIsOfTheContent() throws {
        let folder = try TemporaryFolder()
        for name in ["a", "b"] { try TinyAdapter().write(to: "\(folder.path)/\(name)") }
        let store = Self.store(folder)
        _ = store.rescan()
        let version = try store.acquire("a").version
        #expect(try store.acquire("b").version == version)
        // Touched, not changed; and a file that changes no answer.
        try folder.write(try folder.read("a/adapter_config.json"), to: "a/adapter_config.json")
        try folder.write("a card", to: "a/README.md")
        _ = store.rescan()
        #expect(try store.acquire("a").version == version)
        var versions: Set<String> = [version]
        try folder.write("{{ messages }}", to: "a/chat_template.jinja")
        _ = store.rescan()
        versions.insert(try store.acquire("a").version)
        var other = TinyAdapter()
        other.configuration["lora_alpha"] = 5
        try other.write(to: "\(folder.path)/a")
        _ = store.rescan()
        versions.insert(try store.acquire("a").version)
        #expect(versions.count == 3)
    }

    @Test func aRemovedFolderLetsItsRequestsFinish() throws {
        let folder = try TemporaryFolder()
        try TinyAdapter().write(to: "\(folder.path)/a")
        let store = Self.store(folder)
        _ = store.rescan()
        var pinned: PinnedAdapter? = try store.acquire("a")
        try folder.remove("a")
        #expect(store.rescan().removed == ["a"])
        #expect(store.status("a") == nil)
        #expect(Self.values(try #require(pinned)).count == 16)
        let error = #expect(throws: AdapterError.self) { _ = try store.acquire("a") }
        #expect(error?.code == .notFound)
        #expect(store.counters.residentBytes == Self.tinyBytes)
        pinned = nil
        PinnedAdapter.finishReleases()
        #expect(store.counters.residentBytes == 0)
    }

    @Test func evictsWithinItsBudget() throws {
        let folder = try TemporaryFolder()
        for name in ["a", "b", "c"] { try TinyAdapter().write(to: "\(folder.path)/\(name)") }
        let store = Self.store(folder, budgetBytes: 2 * Self.tinyBytes)
        _ = store.rescan()
        for name in ["a", "b", "a", "c"] {
            _ = try store.acquire(name)
            PinnedAdapter.finishReleases()
        }
        #expect(store.list().map(\.state) == [.resident, .ready, .resident])
        #expect(store.counters.evictions == 1 && store.counters.loads == 3)
        #expect(store.counters.residentBytes == 2 * Self.tinyBytes)
        #expect(store.counters.requestsServed == 4 && store.status("a")?.requestsServed == 2)
        try store.preload("b")
        PinnedAdapter.finishReleases()
        #expect(store.status("b")?.requestsServed == 1 && store.status("b")?.version != nil)
        let small = Self.store(folder, budgetBytes: Self.tinyBytes - 1)
        _ = small.rescan()
        #expect(small.status("a")?.state.reason?.code == .limitExceeded)
    }

    @Test func whatIsDroppedLeavesMemoryWithItsLastRequest() throws {
        let folder = try TemporaryFolder()
        for name in ["a", "b"] { try TinyAdapter().write(to: "\(folder.path)/\(name)") }
        let store = Self.store(folder)
        _ = store.rescan()
        try store.preload("a")
        PinnedAdapter.finishReleases()
        store.drop("a")
        #expect(store.counters.residentBytes == 0 && store.status("a")?.state == .ready)
        do {
            let held = try store.acquire("b")
            store.drop("b")
            #expect(store.counters.residentBytes == Self.tinyBytes && held.delta.byteCount == Self.tinyBytes)
        }
        PinnedAdapter.finishReleases()
        #expect(store.counters.residentBytes == 0)
        store.drop("nobody")
        #expect(try store.acquire("a").delta.byteCount == Self.tinyBytes, "its folder serves as before")
    }

    /// The engine lets go of adapters: it must not wait for the store, whoever has locked it.
    @Test func lettingGoTakesNoLock() throws {
        let folder = try TemporaryFolder()
        try TinyAdapter().write(to: "\(folder.path)/a")
        let store = Self.store(folder)
        _ = store.rescan()
        var pinned: PinnedAdapter? = try store.acquire("a")
        // The lock is not recursive: taking it here would never end.
        store.withState { state in
            #expect(state.residents.values.contains { $0.pins == 1 } && pinned != nil)
            pinned = nil
        }
        PinnedAdapter.finishReleases()
        #expect(store.counters.pinnedAdapters == 0)
    }

    /// Four real adapters of 32 MB in all, loaded and evicted over and over.
    @Test func evictionReturnsTheMemory() throws {
        let store = RealAdapterTests.store(budgetBytes: 12 << 20)
        _ = store.rescan()
        func load(_ name: String) throws {
            try store.preload(name)
            PinnedAdapter.finishReleases()
        }
        for name in ["bash", "sql", "data2text", "math"] { try load(name) }
        // Other tests take memory of the same process meanwhile; a leak would show every time.
        var growths: [Int] = []
        repeat {
            let before = try Self.residentKilobytes()
            for _ in 0..<3 { for name in ["bash", "sql", "data2text", "math"] { try load(name) } }
            growths.append(try Self.residentKilobytes() - before)
        } while growths.last! >= 30_000 && growths.count < 8
        #expect(store.counters.evictions >= 12)
        #expect(store.counters.residentBytes <= 12 << 20)
        #expect(growths.last! < 30_000, "resident memory grew by \(growths) KB, round by round")
    }

    static func residentKilobytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
        return try #require(line.split(separator: " ").compactMap { Int($0) }.first)
    }

    // MARK: Adding and removing

    @Test func addsWholeFoldersOrNothing() throws {
        let (folder, source) = (try TemporaryFolder(), try TemporaryFolder())
        try TinyAdapter().write(to: "\(source.path)/mine")
        try source.write("a card", to: "mine/README.md")
        let store = Self.store(folder, settleMilliseconds: 10_000)
        _ = store.rescan()
        _ = try folder.makeFolder(".partial-mine/left-over")
        #expect(try store.add(from: "\(source.path)/mine") == "mine")
        #expect(store.status("mine")?.state == .ready)
        #expect(try folder.read("mine/README.md") == Array("a card".utf8))
        #expect(try store.add(from: "\(source.path)/mine/", name: "twin") == "twin")
        let exists = #expect(throws: AdapterError.self) { try store.add(from: "\(source.path)/mine") }
        #expect(exists?.code == .exists)
        var zero = TinyAdapter(targets: [.query])
        for layer in 0..<2 { zero.fill(TinyAdapter.b(layer, .query), with: 0) }
        try zero.write(to: "\(source.path)/zero")
        let refused = #expect(throws: AdapterError.self) { try store.add(from: "\(source.path)/zero") }
        #expect(refused?.code == .noEffect && refused?.adapter == "zero")
        let missing = #expect(throws: AdapterError.self) { try store.add(from: "\(source.path)/nothing") }
        #expect(missing?.code == .notFound)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["mine", "twin"])
    }

    @Test func removesAtOnceAndDeletes() throws {
        let folder = try TemporaryFolder()
        try TinyAdapter().write(to: "\(folder.path)/a")
        _ = try folder.makeFolder("a/inner/deep")
        let store = Self.store(folder)
        _ = store.rescan()
        let pinned = try store.acquire("a")
        try store.remove("a")
        #expect(store.list().isEmpty && store.counters.residentAdapters == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        #expect(Self.values(pinned).count == 16)
        let missing = #expect(throws: AdapterError.self) { try store.remove("a") }
        #expect(missing?.code == .notFound)
    }

    @Test func foldersWithOtherNamesAreReportedOrHidden() throws {
        let folder = try TemporaryFolder()
        for name in ["good", ".partial-x", "base", "with space", "half.partial"] { try TinyAdapter().write(to: "\(folder.path)/\(name)") }
        try folder.write("not a folder", to: "README.md")
        let store = Self.store(folder)
        let changes = store.rescan()
        #expect(changes.added == ["good"])
        #expect(changes.rejected.mapValues(\.code) == ["base": .invalidName, "with space": .invalidName, "half.partial": .invalidName])
        #expect(store.rescan().isEmpty)
    }

    @Test func ownChatTemplates() throws {
        let folder = try TemporaryFolder()
        let cases: [(file: String, text: String, template: String?)] = [
            ("chat_template.jinja", "{{ a }}", "{{ a }}"), ("tokenizer_config.json", "{\"chat_template\": \"{{ b }}\"}", "{{ b }}"),
            ("tokenizer_config.json", "{\"chat_template\": [{\"name\": \"x\", \"template\": \"1\"}, {\"name\": \"default\", \"template\": \"2\"}]}", "2"),
            ("tokenizer_config.json", "{\"bos_token\": \"<s>\"}", nil),
        ]
        for (index, entry) in cases.enumerated() {
            try TinyAdapter().write(to: "\(folder.path)/a\(index)")
            try folder.write(entry.text, to: "a\(index)/\(entry.file)")
        }
        let store = Self.store(folder)
        _ = store.rescan()
        for (index, entry) in cases.enumerated() {
            #expect(try store.acquire("a\(index)").chatTemplate == entry.template)
            #expect(store.status("a\(index)")?.hasChatTemplate == (entry.template != nil))
        }
    }

    // MARK: Threads

    /// Runs each body on a thread of its own and waits for all.
    static func onThreads(_ bodies: [@Sendable () -> Void]) {
        let group = DispatchGroup()
        for body in bodies {
            group.enter()
            Thread {
                body()
                group.leave()
            }.start()
        }
        group.wait()
    }

    /// What the threads of a test share.
    final class Shared: Sendable {
        let served = Atomic(0)
        let stopped = Atomic(false)
        let versions = Mutex<Set<String>>([])
        var isStopped: Bool { stopped.load(ordering: .relaxed) }
    }

    @Test func oneLoadServesAllWhoWait() throws {
        let store = RealAdapterTests.store()
        let shared = Shared()
        _ = store.rescan()
        Self.onThreads(
            (0..<16).map { _ in
                {
                    guard let version = try? store.acquire("math").version else { return }
                    shared.versions.withLock { _ = $0.insert(version) }
                }
            })
        #expect(shared.versions.withLock { $0.count } == 1)
        #expect(store.counters.loads == 1 && store.counters.requestsServed == 16)
        PinnedAdapter.finishReleases()
        #expect(store.status("math")?.pins == 0)
    }

    /// Threads pin and let go while one scans and another replaces folders in place, half files and all.
    @Test func requestsScansAndReplacementsAtOnce() throws {
        let folder = try TemporaryFolder()
        let names = ["a", "b", "c"]
        for name in names { try TinyAdapter().write(to: "\(folder.path)/\(name)") }
        let store = Self.store(folder, budgetBytes: 2 * Self.tinyBytes)
        let shared = Shared()
        _ = store.rescan()
        let requests: [@Sendable () -> Void] = (0..<4).map { worker in
            {
                var random = SeededRandom(seed: UInt64(worker))
                while !shared.isStopped {
                    guard let adapter = try? store.acquire(names.randomElement(using: &random) ?? "a") else { continue }
                    let values = Self.values(adapter)
                    #expect(values.count == 16 && values.allSatisfy { abs($0) <= 1 } && adapter.version.count == 32)
                    shared.served.add(1, ordering: .relaxed)
                }
            }
        }
        let scans: @Sendable () -> Void = { while !shared.isStopped { _ = store.rescan() } }
        let replacements: @Sendable () -> Void = {
            // Until enough was served, too: a busy machine may take its time with either.
            var round = 0
            while round < 60 || shared.served.load(ordering: .relaxed) <= 100 {
                defer { round += 1 }
                let name = names[round % 2]
                guard let weights = try? folder.read("\(name)/adapter_model.safetensors") else { continue }
                _ = try? folder.write(Array(weights[..<(weights.count / 2)]), to: "\(name)/adapter_model.safetensors")
                usleep(2_000)
                try? TinyAdapter(seed: UInt64(round)).write(to: "\(folder.path)/\(name)")
                usleep(2_000)
            }
            shared.stopped.store(true, ordering: .relaxed)
        }
        Self.onThreads(requests + [scans, replacements])
        #expect(shared.served.load(ordering: .relaxed) > 100)
        _ = store.rescan()
        for name in names { #expect(try store.acquire(name).name == name) }
        PinnedAdapter.finishReleases()
        #expect(store.list().allSatisfy { $0.pins == 0 })
        #expect(store.counters.pinnedAdapters == 0 && store.counters.residentBytes <= 2 * Self.tinyBytes)
    }
}
