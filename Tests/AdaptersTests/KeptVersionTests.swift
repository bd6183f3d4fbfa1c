import Foundation
import Glibc
import Testing

@testable import Adapters

/// What is served stays served: a version in memory leaves for a new one that was loaded, or with its folder.
@Suite struct KeptVersionTests {
    /// A store with a resident adapter `a`.
    private static func serving(_ folder: TemporaryFolder, budgetBytes: Int = 1 << 20) throws -> (AdapterStore, version: String) {
        try TinyAdapter(seed: 1).write(to: "\(folder.path)/a")
        let store = AdapterStoreTests.store(folder, budgetBytes: budgetBytes)
        _ = store.rescan()
        return (store, try store.acquire("a").version)
    }

    static let weights = "a/adapter_model.safetensors"

    /// Each is put in the place of a good adapter that is in memory.
    static let broken: [(what: String, change: @Sendable (TemporaryFolder) throws -> Void, reason: String)] = [
        ("truncated weights", { try $0.write(Array($0.read(weights).dropLast(1)), to: weights) }, "ends"),
        ("empty weights", { try $0.write([], to: weights) }, "0 bytes"),
        ("weights removed", { try $0.remove(weights) }, "not there"),
        ("configuration cut off", { try $0.write("{\"peft_type\": \"LO", to: "a/adapter_config.json") }, "not valid JSON"),
        ("configuration malformed", { try $0.write("{\"peft_type\": \"LORA\",}", to: "a/adapter_config.json") }, "not valid JSON"),
        ("another family", { try $0.write("{\"peft_type\": \"HYDRA\"}", to: "a/adapter_config.json") }, "HYDRA"),
        ("NaN", { folder in
            var adapter = TinyAdapter(seed: 2)
            adapter.fill(TinyAdapter.b(0, .query), with: .nan)
            try adapter.write(to: "\(folder.path)/a")
        }, "finite"),
        ("no effect", { folder in
            var adapter = TinyAdapter(targets: [.query], seed: 2)
            for layer in 0..<2 { adapter.fill(TinyAdapter.b(layer, .query), with: 0) }
            try adapter.write(to: "\(folder.path)/a")
        }, "change nothing"),
        ("a link that leaves the folder", { folder in
            try folder.write(folder.read(weights), to: "outside")
            try folder.remove(weights)
            try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/\(weights)", withDestinationPath: "../outside")
        }, "link"),
        ("a link to nothing", { folder in
            try folder.remove(weights)
            try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/\(weights)", withDestinationPath: "nothing")
        }, "link to what does not exist"),
        ("a link to itself", { folder in
            try folder.remove(weights)
            try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/\(weights)", withDestinationPath: "adapter_model.safetensors")
        }, "leads back to itself"),
        ("a folder in place of the weights", { folder in
            try folder.remove(weights)
            _ = try folder.makeFolder(weights)
        }, "not a regular file"),
        ("the folder is a link that leaves the adapters' folder", { folder in
            let other = NSTemporaryDirectory() + "lmoe-outside-\(UUID().uuidString)"
            try FileManager.default.moveItem(atPath: "\(folder.path)/a", toPath: other)
            try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/a", withDestinationPath: other)
        }, "link that leaves"),
        ("the folder is a link to nothing", { folder in
            try folder.remove("a")
            try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/a", withDestinationPath: "nothing")
        }, "link to what does not exist"),
        ("a pickle", { folder in
            try folder.remove(weights)
            try folder.write("x", to: "a/adapter_model.bin")
        }, "pickle"),
    ]

    @Test(arguments: broken.indices)
    func theGoodVersionServesBesideABrokenReplacement(index: Int) throws {
        let (what, change, reason) = Self.broken[index]
        let folder = try TemporaryFolder()
        let (store, version) = try Self.serving(folder)
        try change(folder)
        for _ in 0..<3 {
            let changes = store.rescan()
            #expect(changes.removed.isEmpty && changes.replaced.isEmpty && changes.rejected.isEmpty, "\(what): \(changes)")
            #expect(try store.acquire("a").version == version, "\(what)")
        }
        let status = try #require(store.status("a"))
        #expect(status.state.name == "stale" && status.isServable && status.refusal == nil, "\(what): \(status.state)")
        #expect(status.version == version && status.unusableSince != nil)
        let told = status.state.reason?.description ?? ""
        #expect(told.contains(version) && told.contains(reason), "\(what): \(told)")
        #expect(!told.contains(folder.path), "a client needs no path of this machine: \(told)")
        // A whole adapter takes its place.
        try? folder.remove("a")
        try TinyAdapter(seed: 3).write(to: "\(folder.path)/a")
        #expect(store.rescan().replaced == ["a"], "\(what)")
        let next = try store.acquire("a")
        #expect(next.version != version && store.status("a")?.state == .resident && store.status("a")?.unusableSince == nil)
    }

    @Test(arguments: broken.indices)
    func withNothingInMemoryTheStateSaysWhatIsWrong(index: Int) throws {
        let (what, change, reason) = Self.broken[index]
        let folder = try TemporaryFolder()
        let (store, _) = try Self.serving(folder)
        store.drop("a")
        try change(folder)
        _ = store.rescan()
        // What only the elements show is found by the first request.
        let error = #expect(throws: AdapterError.self, "\(what)") { try store.acquire("a") }
        #expect(error?.description.contains(reason) == true, "\(what): \(String(describing: error))")
        let status = try #require(store.status("a"))
        #expect(!status.isServable && ["notReady", "rejected"].contains(status.state.name), "\(what): \(status.state)")
    }

    @Test func deletingTheFolderTakesTheKeptVersionAway() throws {
        let folder = try TemporaryFolder()
        let (store, _) = try Self.serving(folder)
        try folder.write([], to: Self.weights)
        _ = store.rescan()
        #expect(store.status("a")?.state.name == "stale")
        try folder.remove("a")
        #expect(store.rescan().removed == ["a"])
        #expect(#expect(throws: AdapterError.self) { try store.acquire("a") }?.code == .notFound)
    }

    @Test func droppingTakesTheKeptVersionAway() throws {
        let folder = try TemporaryFolder()
        let (store, _) = try Self.serving(folder)
        try folder.write([], to: Self.weights)
        _ = store.rescan()
        store.drop("a")
        #expect(store.status("a")?.state.name == "notReady")
        #expect(#expect(throws: AdapterError.self) { try store.acquire("a") }?.code == .notReady)
    }

    @Test func theKeptVersionStaysWhileOthersNeedItsMemory() throws {
        let folder = try TemporaryFolder()
        let (store, version) = try Self.serving(folder, budgetBytes: AdapterStoreTests.tinyBytes)
        try folder.write([], to: Self.weights)
        try TinyAdapter(seed: 2).write(to: "\(folder.path)/b")
        _ = store.rescan()
        for _ in 0..<3 {
            try store.preload("b")
            PinnedAdapter.finishReleases()
        }
        #expect(store.counters.loads == 4, "there is no room for both, and the kept one stays")
        #expect(try store.acquire("a").version == version)
    }

    @Test func problemsAreReportedOnce() throws {
        let folder = try TemporaryFolder()
        let (store, version) = try Self.serving(folder)
        try TinyAdapter(seed: 2).write(to: "\(folder.path)/cold")
        _ = store.rescan()
        try folder.write("{\"peft_type\": 3}", to: "a/adapter_config.json")
        try folder.write("{\"peft_type\": 3}", to: "cold/adapter_config.json")
        let changes = store.rescan()
        #expect(changes.kept["a"]?.description.contains(version) == true && changes.kept.count == 1)
        #expect(changes.rejected.keys.sorted() == ["cold"])
        #expect(store.rescan().isEmpty)
    }

    /// As a training run does that saves its adapter in place again and again: no request is refused.
    @Test func anAdapterThatIsSavedOverAndOverServesEveryRequest() throws {
        let folder = try TemporaryFolder()
        try TinyAdapter(seed: 0).write(to: "\(folder.path)/a")
        let store = AdapterStoreTests.store(folder, settleMilliseconds: 5)
        _ = store.rescan()
        try store.preload("a")
        let shared = AdapterStoreTests.Shared()
        let requests: @Sendable () -> Void = {
            while !shared.isStopped {
                do {
                    let adapter = try store.acquire("a")
                    shared.versions.withLock { _ = $0.insert(adapter.version) }
                    shared.served.add(1, ordering: .relaxed)
                } catch {
                    Issue.record("refused: \(error)")
                }
            }
        }
        let scans: @Sendable () -> Void = { while !shared.isStopped { _ = store.rescan() } }
        let saves: @Sendable () -> Void = {
            for round in 0..<100 {
                guard let source = try? TemporaryFolder(), (try? TinyAdapter(seed: UInt64(round % 7)).write(to: source.path)) != nil,
                    let bytes = try? source.read("adapter_model.safetensors")
                else { continue }
                // In place: cut off, written in two halves.
                guard let file = FileHandle(forWritingAtPath: "\(folder.path)/\(Self.weights)") else { continue }
                try? file.truncate(atOffset: 0)
                file.write(Data(bytes[..<(bytes.count / 2)]))
                usleep(1_000)
                file.write(Data(bytes[(bytes.count / 2)...]))
                try? file.close()
                usleep(UInt32(round % 5) * 4_000)
            }
            shared.stopped.store(true, ordering: .relaxed)
        }
        AdapterStoreTests.onThreads([requests, requests, scans, saves])
        #expect(shared.served.load(ordering: .relaxed) > 0)
        usleep(20_000)
        _ = store.rescan()
        #expect(store.status("a")?.state == .resident)
    }
}
