import Files
import Foundation
import Glibc
import Testing
import TestSupport

@Suite struct FolderTests {
    private func code(_ body: () throws -> Void) -> FileError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? FileError)?.code
        }
    }

    @Test func anEmptyFolderIsNotAMissingOneAndNotOneThatCannotBeRead() throws {
        let folder = try TemporaryFolder()
        try folder.makeFolder("empty")
        try folder.write("x", to: "file")
        try folder.link("dangling", to: "nothing")
        #expect(try Folder.names(folder.place("empty"), limit: 10) == [])
        #expect(code { _ = try Folder.names(folder.place("absent"), limit: 10) } == .notFound)
        #expect(code { _ = try Folder.names(folder.place("dangling"), limit: 10) } == .danglingLink)
        #expect(code { _ = try Folder.names(folder.place("file"), limit: 10) } == .notAFolder)
        #expect(code { _ = try Folder.names(folder.place("file/below"), limit: 10) } == .notAFolder)
        #expect(code { _ = try Folder.names("\(folder.path)\0x", limit: 10) } == .unsafePath)
        let tooLong = String(repeating: "n", count: 300)
        #expect(code { _ = try Folder.names(folder.place(tooLong), limit: 10) } == .unreadable)
    }

    @Test func anErrorNamesThePathTheReasonAndTheErrno() throws {
        let folder = try TemporaryFolder()
        let name = String(repeating: "n", count: 300)
        do throws(FileError) {
            _ = try Folder(folder.place(name))
            Issue.record("opened a folder whose name is too long")
        } catch {
            #expect(error.errno == ENAMETOOLONG)
            #expect(error.description == "\(folder.place(name)): cannot open the folder: File name too long")
        }
        let full = FileError("/models", "cannot open the folder", errno: EMFILE)
        #expect(full.code == .tooManyDescriptors)
        #expect(full.description == "/models: cannot open the folder: Too many open files; raise the limit of open files (ulimit -n)")
        #expect(FileError("/models", "cannot open", errno: EACCES).code == .unreadable)
    }

    @Test func aListingIsSortedAndBounded() throws {
        let folder = try TemporaryFolder()
        for name in ["b", "a", ".hidden", "c"] { try folder.write("", to: name) }
        let open = try Folder(folder.path)
        #expect(try open.listing(limit: 4).names == [".hidden", "a", "b", "c"])
        // Twice: reading must not use up a position that both share.
        #expect(try open.listing(limit: 4).names.count == 4)
        let cut = try open.listing(limit: 3)
        #expect(cut.names.count == 3 && cut.isCut)
        #expect(code { _ = try Folder.names(folder.path, limit: 3) } == .limitExceeded)
    }

    @Test func anOpenFolderStaysTheSameFolderWhenItIsRenamed() throws {
        let folder = try TemporaryFolder()
        try folder.write("old", to: "one/file")
        let open = try Folder(folder.place("one"))
        #expect(rename(folder.place("one"), folder.place("two")) == 0)
        try folder.write("new", to: "one/file")
        #expect(try open.file("file")?.text(limitBytes: 10) == "old")
        #expect(open.realPath?.hasSuffix("/two") == true)
    }

    @Test func linksThatLeaveTheFolderAreRefused() throws {
        let folder = try TemporaryFolder()
        try folder.write("inside", to: "one/file")
        try folder.write("outside", to: "other/file")
        try folder.link("one/inner", to: "file")
        try folder.link("one/outer", to: "../other/file")
        try folder.link("one/dangling", to: "nothing")
        try folder.link("beside", to: "other")
        let open = try Folder(folder.place("one"))
        #expect(try open.file("inner")?.text(limitBytes: 10) == "inside")
        #expect(code { _ = try open.file("outer") } == .unsafePath)
        #expect(try open.file("outer", links: .follow)?.text(limitBytes: 10) == "outside")
        #expect(code { _ = try open.file("inner", links: .refuse) } == .unsafePath)
        #expect(code { _ = try open.file("dangling") } == .danglingLink)
        #expect(code { _ = try open.status("dangling") } == .danglingLink)
        #expect(code { _ = try open.file("../other/file") } == .unsafePath)
        #expect(try open.file("absent") == nil)
        #expect(try open.status("absent") == nil)
        #expect(try open.status("file")?.kind == .file)

        let root = try Folder(folder.path)
        #expect(try Folder("beside", below: root).isInside(root))
        #expect(try !Folder(folder.place("other")).isInside(open))
        #expect(code { _ = try Folder("..", below: root) } == .unsafePath)
    }

    @Test func foldersAreCreatedWithThoseAboveThem() throws {
        let folder = try TemporaryFolder()
        try Folder.create(folder.place("a/b/c"))
        try Folder.create(folder.place("a/b/c/"))
        #expect(try FileStatus.of(folder.place("a/b/c"))?.kind == .folder)
        try folder.write("x", to: "file")
        #expect(code { try Folder.create(folder.place("file")) } == .notAFolder)
        #expect(code { try Folder.create(folder.place("file/below")) } == .unwritable)
        #expect(code { try Folder.create("/proc/none/below") } != nil)
    }

    @Test(arguments: ["/etc/passwd", "..", "a/../../b", "a//b", "", "a\0b", String(repeating: "n", count: 256), "a/"])
    func pathsThatLeaveAFolderAreRefused(path: String) {
        #expect(code { try PathCheck.staysInside(path) } == .unsafePath)
    }

    @Test(arguments: ["a", "a/b", "..a", "a..b/c", ".hidden", String(repeating: "ä", count: 127)])
    func pathsInsideAFolderAreAccepted(path: String) throws {
        try PathCheck.staysInside(path)
    }
}

/// Paths with folders on the way.
@Suite struct FolderLinkTests {
    @Test func aLinkedFolderOnTheWayIsNotFollowedOut() throws {
        let folder = try TemporaryFolder()
        try folder.write("secret", to: "outside/file")
        try folder.write("own", to: "inside/data/file")
        try folder.link("inside/out", to: "../outside")
        try folder.link("inside/in", to: "data")
        let inside = try Folder(folder.place("inside"))
        #expect(try inside.file("in/file")?.text(limitBytes: 10) == "own")
        let error = #expect(throws: FileError.self) { try inside.file("out/file") }
        #expect(error?.code == .unsafePath)
        #expect(try inside.file("out/file", links: .follow)?.text(limitBytes: 10) == "secret")
    }
}
