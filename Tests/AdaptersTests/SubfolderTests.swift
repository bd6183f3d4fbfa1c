import Foundation
import TestSupport
import Testing

@testable import Adapters

/// Several adapters in one folder, as PEFT writes them: each subfolder with a configuration is one of its own.
@Suite struct SubfolderTests {
    private static func names(_ store: AdapterStore) -> [String] { store.list().filter(\.isServable).map(\.name) }

    @Test func aFolderAndItsSubfoldersAreAdaptersOfTheirOwn() throws {
        let folder = try TemporaryFolder()
        try TinyAdapter(seed: 1).write(to: "\(folder.path)/sql")
        try TinyAdapter(seed: 2).write(to: "\(folder.path)/sql/draft")
        try TinyAdapter(seed: 3).write(to: "\(folder.path)/several/one")
        try TinyAdapter(seed: 4).write(to: "\(folder.path)/several/v1.5")
        // What else lies in a folder is no adapter.
        try folder.write("{}", to: "several/tokenizer_config.json")
        _ = try folder.makeFolder("sql/runs")
        try folder.write("x", to: "sql/runs/events")
        try TinyAdapter(seed: 5).write(to: "\(folder.path)/sql/.cache")
        let store = AdapterStoreTests.store(folder)
        #expect(store.rescan().added == ["several.one", "several.v1.5", "sql", "sql.draft"])
        #expect(store.list().map(\.name) == ["several.one", "several.v1.5", "sql", "sql.draft"])
        #expect(store.status("several.v1.5")?.folder == "\(folder.path)/several/v1.5")
        #expect(try store.path(of: "sql.draft") == "\(folder.path)/sql/draft")
        #expect(try store.path(of: "sql.none") == nil)
        let versions = Set(try Self.names(store).map { try store.acquire($0).version })
        #expect(versions.count == 4)
        #expect(store.rescan().isEmpty)
        let error = #expect(throws: AdapterError.self) { try store.acquire("several") }
        #expect(error?.code == .notReady && error?.message.contains("subfolders one, v1.5 hold adapters") == true, "\(String(describing: error))")
    }

    @Test func oneIsFoundReplacedAndMissedLikeAnyOther() throws {
        let folder = try TemporaryFolder()
        try TinyAdapter(seed: 1).write(to: "\(folder.path)/sql")
        let store = AdapterStoreTests.store(folder)
        _ = store.rescan()
        _ = try folder.makeFolder("sql/draft")
        try folder.write("{\"peft_type\": \"LO", to: "sql/draft/adapter_config.json")
        #expect(store.rescan().notReady["sql.draft"]?.code == .notReady)
        try TinyAdapter(seed: 2).write(to: "\(folder.path)/sql/draft")
        let first = try store.acquire("sql.draft")
        try TinyAdapter(rank: 3, seed: 3).write(to: "\(folder.path)/sql/draft")
        #expect(store.rescan().replaced == ["sql.draft"])
        #expect(try store.acquire("sql.draft").version != first.version)
        try FileManager.default.removeItem(atPath: "\(folder.path)/sql/draft")
        #expect(store.rescan().removed == ["sql.draft"] && Self.names(store) == ["sql"])
    }

    @Test func aNameThatIsTakenIsNotGivenTwice() throws {
        let folder = try TemporaryFolder()
        try TinyAdapter(seed: 1).write(to: "\(folder.path)/a.b")
        try TinyAdapter(seed: 2).write(to: "\(folder.path)/a/b")
        try TinyAdapter(seed: 3).write(to: "\(folder.path)/x/y.z")
        try TinyAdapter(seed: 4).write(to: "\(folder.path)/x.y/z")
        try TinyAdapter(seed: 5).write(to: "\(folder.path)/x/ä")
        let store = AdapterStoreTests.store(folder)
        let changes = store.rescan()
        #expect(changes.added == ["a.b", "x.y.z"])
        #expect(store.status("a.b")?.folder == "\(folder.path)/a.b" && store.status("x.y.z")?.folder == "\(folder.path)/x/y.z")
        #expect(changes.rejected.keys.sorted() == ["a/b", "x.y/z", "x/ä"])
        #expect(changes.rejected["a/b"]?.code == .invalidName && changes.rejected["a/b"]?.message.contains("another folder") == true)
        #expect(changes.rejected["x/ä"]?.message.contains("only letters") == true)
        #expect(store.rescan().isEmpty)
        // The other takes its place when it goes.
        try store.remove("a.b")
        #expect(store.rescan().added == ["a.b"])
        #expect(store.status("a.b")?.folder == "\(folder.path)/a/b" && store.status("a/b") == nil)
        let source = try TemporaryFolder()
        try TinyAdapter().write(to: source.path)
        #expect(#expect(throws: AdapterError.self) { try store.add(from: source.path, name: "a.b") }?.code == .exists)
    }

    @Test func oneIsRemovedWithoutTheOthers() throws {
        let folder = try TemporaryFolder()
        try TinyAdapter(seed: 1).write(to: "\(folder.path)/sql")
        for name in ["draft", "final"] { try TinyAdapter(seed: 2).write(to: "\(folder.path)/sql/\(name)") }
        try TinyAdapter(seed: 3).write(to: "\(folder.path)/alone/one")
        let store = AdapterStoreTests.store(folder)
        _ = store.rescan()
        let held = try store.acquire("sql.draft")
        let refusal = #expect(throws: AdapterError.self) { try store.remove("sql") }
        #expect(refusal?.code == .exists && refusal?.message.contains("sql.draft, sql.final") == true)
        try store.remove("sql.draft")
        #expect(try Self.names(store) == ["alone.one", "sql", "sql.final"] && store.path(of: "sql.draft") == nil)
        #expect(held.delta.byteCount > 0)
        try store.remove("sql.final")
        try store.remove("sql")
        try store.remove("alone.one")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        #expect(#expect(throws: AdapterError.self) { try store.remove("alone.one") }?.code == .notFound)
    }

    @Test func aLinkThatLeavesTheFolderIsRefused() throws {
        let (folder, outside) = (try TemporaryFolder(), try TemporaryFolder())
        try TinyAdapter().write(to: "\(outside.path)/far")
        try TinyAdapter().write(to: "\(folder.path)/near")
        _ = try folder.makeFolder("links")
        try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/links/far", withDestinationPath: "\(outside.path)/far")
        try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/links/near", withDestinationPath: "../near")
        let store = AdapterStoreTests.store(folder)
        let changes = store.rescan()
        #expect(changes.added == ["links.near", "near"])
        #expect(changes.rejected["links.far"]?.code == .unsafePath)
        #expect(try store.acquire("links.near").version == store.acquire("near").version)
    }
}
