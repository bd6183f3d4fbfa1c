import Foundation
import TestSupport
import Testing
import UV

/// Calls of a handler, awaited. Loop only.
@LoopActor
final class Calls {
    private(set) var count = 0
    func add() { count += 1 }

    /// True as soon as there are more than `before`; false when `patience` is over.
    func more(than before: Int) async throws -> Bool {
        let end = ContinuousClock.now + patience
        while count <= before {
            guard ContinuousClock.now < end else { return false }
            try await Task.sleep(for: .milliseconds(10))
        }
        return true
    }
}

@Suite struct FolderWatchTests {
    @LoopActor
    private func watch(
        rescan: Int = 600_000, depth: Int = 1, _ body: (URL, FolderWatch, Calls) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("lmoe-watch-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let calls = Calls()
        let timing = FolderWatch.Timing(quietMilliseconds: 30, patienceMilliseconds: 100, rescanMilliseconds: rescan)
        let watch = FolderWatch(path: folder.path, timing: timing, depth: depth) { calls.add() }
        defer { watch.close() }
        try await body(folder, watch, calls)
    }

    @Test func subfoldersAreWatchedAsTheyComeAndGo() async throws {
        try await watch { folder, watch, calls in
            let child = folder.appendingPathComponent("sql")
            try FileManager.default.createDirectory(at: child, withIntermediateDirectories: false)
            #expect(try await calls.more(than: 0))
            try await eventually("the subfolder is watched") { await watch.watchedFolders == 2 }
            let before = await calls.count
            try Data("x".utf8).write(to: child.appendingPathComponent("weights"))
            #expect(try await calls.more(than: before))
            let beforeRemoval = await calls.count
            try FileManager.default.removeItem(at: child)
            #expect(try await calls.more(than: beforeRemoval))
            try await eventually("the subfolder is watched no longer") { await watch.watchedFolders == 1 }
        }
    }

    @Test func foldersInSubfoldersAreWatchedWhereOneAsksForIt() async throws {
        try await watch(depth: 2) { folder, watch, calls in
            let inner = folder.appendingPathComponent("sql/draft")
            try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
            #expect(try await calls.more(than: 0))
            try await eventually("both folders are watched") { await watch.watchedFolders == 3 }
            let before = await calls.count
            try Data("x".utf8).write(to: inner.appendingPathComponent("weights"))
            #expect(try await calls.more(than: before))
            let beforeRemoval = await calls.count
            try FileManager.default.removeItem(at: inner)
            #expect(try await calls.more(than: beforeRemoval))
        }
    }

    @Test func manyEventsAreOneCallAndASteadyStreamIsStillNoticed() async throws {
        try await watch { folder, _, calls in
            let start = ContinuousClock.now
            for index in 0..<200 { try Data().write(to: folder.appendingPathComponent("\(index)")) }
            #expect(try await calls.more(than: 0))
            try await Task.sleep(for: .milliseconds(250))
            // A call follows a quiet time of 30 ms, however long a busy machine takes for all this.
            let most = 1 + (ContinuousClock.now - start) / .milliseconds(30)
            #expect(await Double(calls.count) <= most)
            // An event every 10 ms leaves no quiet time of 30 ms.
            let before = await calls.count
            let file = try FileHandle(forWritingTo: folder.appendingPathComponent("0"))
            try await eventually("a steady stream is noticed") {
                try file.write(contentsOf: Data("x".utf8))
                return await calls.count > before
            }
        }
    }

    @Test func aReplacedFolderIsWatchedAgainAndTheRescanNeedsNoEvent() async throws {
        try await watch(rescan: 100) { folder, watch, calls in
            #expect(try await calls.more(than: 0))
            try FileManager.default.removeItem(at: folder)
            let before = await calls.count
            #expect(try await calls.more(than: before + 1))
            #expect(await watch.watchedFolders == 0)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
            let beforeReturn = await calls.count
            #expect(try await calls.more(than: beforeReturn + 1))
            #expect(await watch.watchedFolders == 1)
        }
    }
}
