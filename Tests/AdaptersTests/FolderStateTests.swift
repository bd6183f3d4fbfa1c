import Foundation
import Glibc
import Testing

@testable import Adapters

/// What cannot be read is not empty.
@Suite(.serialized) struct FolderStateTests {
    private static func serving(_ folder: TemporaryFolder) throws -> AdapterStore {
        for name in ["cold", "warm"] { try TinyAdapter(seed: 1).write(to: "\(folder.path)/adapters/\(name)") }
        try TinyAdapter(seed: 2).write(to: "\(folder.path)/adapters/warm/draft")
        var limits = AdapterLimits()
        limits.settleMilliseconds = 0
        let store = AdapterStore(folder: "\(folder.path)/adapters", base: TinyBase.llama, budgetBytes: 1 << 20, limits: limits)
        #expect(store.folderState == .unread)
        #expect(store.rescan().added == ["cold", "warm", "warm.draft"])
        #expect(store.folderState == .readable)
        try store.preload("warm")
        return store
    }

    /// Nothing is removed, what is in memory serves, the state says why, and all is as before when the folder is back.
    private static func expectKept(_ store: AdapterStore, _ reason: String, whileAway: () throws -> Void = {}, back: () throws -> Void) throws {
        let states = store.list().map(\.state)
        let changes = store.rescan()
        #expect(changes.removed.isEmpty && changes.folderFailure?.description.contains(reason) == true, "\(changes)")
        #expect(store.folderState.failure?.description.contains(reason) == true, "\(store.folderState)")
        #expect(store.rescan().isEmpty, "it is reported once")
        #expect(store.list().map(\.name) == ["cold", "warm", "warm.draft"] && store.list().map(\.state) == states)
        #expect(try store.acquire("warm").name == "warm")
        try whileAway()
        #expect(store.list().map(\.state) == states, "a request that cannot be answered changes no state")
        try back()
        let after = store.rescan()
        #expect(after.isFolderBack && after.removed.isEmpty && after.added.isEmpty, "\(after)")
        #expect(store.folderState == .readable)
        #expect(try store.acquire("cold").name == "cold")
    }

    @Test func aFolderThatIsAwayIsNotEmpty() throws {
        let folder = try TemporaryFolder()
        let store = try Self.serving(folder)
        rename("\(folder.path)/adapters", "\(folder.path)/away")
        try Self.expectKept(store, "no such file or folder", whileAway: {
            #expect(#expect(throws: AdapterError.self) { try store.acquire("cold") }?.code == .unavailable)
        }) { rename("\(folder.path)/away", "\(folder.path)/adapters") }
    }

    @Test func aLinkToNothingIsNotEmpty() throws {
        let folder = try TemporaryFolder()
        let store = try Self.serving(folder)
        rename("\(folder.path)/adapters", "\(folder.path)/away")
        symlink("nowhere", "\(folder.path)/adapters")
        try Self.expectKept(store, "a link to what does not exist") {
            unlink("\(folder.path)/adapters")
            rename("\(folder.path)/away", "\(folder.path)/adapters")
        }
    }

    @Test func aFileInThePlaceOfTheFolderIsNotEmpty() throws {
        let folder = try TemporaryFolder()
        let store = try Self.serving(folder)
        rename("\(folder.path)/adapters", "\(folder.path)/away")
        try folder.write("x", to: "adapters")
        try Self.expectKept(store, "not a folder") {
            unlink("\(folder.path)/adapters")
            rename("\(folder.path)/away", "\(folder.path)/adapters")
        }
    }

    @Test(.enabled(if: geteuid() != 0, "root may read everything"))
    func aFolderWithoutAccessIsNotEmpty() throws {
        let folder = try TemporaryFolder()
        let store = try Self.serving(folder)
        chmod("\(folder.path)/adapters", 0)
        defer { chmod("\(folder.path)/adapters", 0o755) }
        try Self.expectKept(store, "Permission denied") { chmod("\(folder.path)/adapters", 0o755) }
    }

    /// All descriptors are in use, as with too many connections. In a process of its own: the limit holds for all of it.
    @Test(arguments: [0, 1])
    func whatNoDescriptorIsLeftForIsKept(left: Int) async throws {
        await #expect(processExitsWith: .success) { [left] in
            let folder = try TemporaryFolder()
            let store = try Self.serving(folder)
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            // Only descriptors below 3 can be given out. They are all in use, but for those that this closes; what other threads of the
            // process open and close for a moment, as libdispatch does, has higher numbers.
            while open("/dev/null", O_RDWR) < 3 {}
            for descriptor in 0..<Int32(left) { close(descriptor) }
            var low = limit
            low.rlim_cur = 3
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &low)
            try Self.expectKept(store, "Too many open files") { setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) }
        }
    }

    @Test func aFolderThatNeverWasIsMissing() throws {
        let folder = try TemporaryFolder()
        let store = AdapterStore(folder: "\(folder.path)/adapters", base: TinyBase.llama, budgetBytes: 1 << 20)
        #expect(store.rescan().isEmpty && store.folderState == .missing)
        try TinyAdapter().write(to: "\(folder.path)/adapters/a")
        usleep(400_000)
        #expect(store.rescan().added == ["a"] && store.folderState == .readable)
    }

    @Test func aFolderThatCannotBeReadFromTheStartIsNotMissing() throws {
        let folder = try TemporaryFolder()
        symlink("nowhere", "\(folder.path)/link")
        try folder.write("x", to: "file")
        for name in ["link", "file/below"] {
            let store = AdapterStore(folder: "\(folder.path)/\(name)", base: TinyBase.llama, budgetBytes: 1 << 20)
            #expect(store.rescan().folderFailure != nil && store.folderState.failure != nil, "\(name)")
        }
    }

    @Test func anEmptyFolderIsEmpty() throws {
        let folder = try TemporaryFolder()
        let store = try Self.serving(folder)
        for name in ["cold", "warm"] { try folder.remove("adapters/\(name)") }
        #expect(store.rescan().removed == ["cold", "warm", "warm.draft"] && store.folderState == .readable)
    }
}
