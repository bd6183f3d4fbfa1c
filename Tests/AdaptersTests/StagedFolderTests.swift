import Foundation
import TestSupport
import Testing

@testable import Adapters

@Suite struct StagedFolderTests {
    private func write(_ folder: TemporaryFolder, _ name: String, _ text: String, replaces: Bool) throws(AdapterError) {
        let staged = try StagedFolder(folder.place(name), replaces: replaces)
        try staged.write(text, to: "adapter_config.json")
        try staged.commit(replaces: replaces)
    }

    private func names(_ folder: TemporaryFolder) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }

    private func code(_ body: () throws -> Void) -> AdapterError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? AdapterError)?.code
        }
    }

    @Test("an adapter's folder is replaced only where that was said, and whole")
    func replaced() throws {
        let folder = try TemporaryFolder()
        try write(folder, "sql", "one", replaces: false)
        try folder.write("mine", to: "sql/notes.txt")
        #expect(code { try write(folder, "sql", "two", replaces: false) } == .exists)
        #expect(try folder.text("sql/adapter_config.json") == "one")
        try write(folder, "sql", "two", replaces: true)
        #expect(try folder.text("sql/adapter_config.json") == "two")
        #expect(!folder.exists("sql/notes.txt"))
        #expect(try names(folder) == ["sql"])
    }

    @Test("two folders exchange their names in one step, and one that is not there is an error")
    func exchanged() throws {
        let folder = try TemporaryFolder()
        for name in ["one", "two"] { try write(folder, name, name, replaces: false) }
        #expect(try FolderCopy.exchange(folder.place("one"), folder.place("two")), "the file system of temporary folders can")
        #expect(try folder.text("one/adapter_config.json") == "two" && folder.text("two/adapter_config.json") == "one")
        #expect(throws: AdapterError.self) { try FolderCopy.exchange(folder.place("one"), folder.place("three")) }
    }

    @Test("nothing but an adapter's folder is replaced")
    func foreign() throws {
        let folder = try TemporaryFolder()
        try folder.write("text", to: "file")
        try folder.write("text", to: "other/letter.txt")
        try folder.write("{}", to: "deep/adapter_config.json")
        try folder.write("{}", to: "deep/draft/adapter_config.json")
        try folder.link("link", to: folder.place("deep"))
        for name in ["file", "other", "deep", "link"] { #expect(code { try write(folder, name, "new", replaces: true) } == .exists, "\(name)") }
        #expect(try names(folder) == ["deep", "file", "link", "other"])
        #expect(folder.exists("deep/draft/adapter_config.json") && folder.exists("other/letter.txt"))
    }

    @Test("a name that cannot be served is refused")
    func name() throws {
        let folder = try TemporaryFolder()
        for name in ["base", ".hidden", "a b", "x.partial"] { #expect(code { try write(folder, name, "new", replaces: true) } == .invalidName, "\(name)") }
        #expect(try names(folder).isEmpty)
    }

    @Test("when the new folder cannot be moved, the old one is where it was")
    func failure() throws {
        let folder = try TemporaryFolder()
        try write(folder, "sql", "one", replaces: false)
        let staged = try StagedFolder(folder.place("sql"), replaces: true)
        try staged.write("two", to: "adapter_config.json")
        try folder.remove(".partial-sql")
        #expect(code { try staged.commit(replaces: true) } == .io)
        #expect(try folder.text("sql/adapter_config.json") == "one")
        #expect(try names(folder) == ["sql"])
    }

    @Test("a folder that was left aside by a process that ended gets its name back, and what was not complete goes")
    func left() throws {
        let folder = try TemporaryFolder()
        try folder.write("old", to: ".replaced-sql/adapter_config.json")
        try folder.write("half", to: ".partial-sql/adapter_model.safetensors")
        #expect(code { try write(folder, "sql", "new", replaces: false) } == .exists)
        #expect(try folder.text("sql/adapter_config.json") == "old")
        try write(folder, "sql", "new", replaces: true)
        #expect(try folder.text("sql/adapter_config.json") == "new")
        #expect(try names(folder) == ["sql"])
    }

    @Test("a place that cannot be written is an error that names it")
    func unwritable() throws {
        let folder = try TemporaryFolder()
        try folder.write("text", to: "file")
        #expect(code { try write(folder, "file/sql", "new", replaces: false) } == .io)
        #expect(try folder.text("file") == "text")
    }
}
