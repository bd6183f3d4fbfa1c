import Files
import Foundation
import Glibc
import Testing
import TestSupport

@Suite struct RegularFileTests {
    private func code(_ body: () throws -> Void) -> FileError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? FileError)?.code
        }
    }

    @Test(arguments: [0, 1, 4_095, 4_096, 4_097, 300_000])
    func aFileIsReadWholeUpToTheLimit(size: Int) throws {
        let folder = try TemporaryFolder()
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let path = try folder.write(bytes, to: "file")
        #expect(try RegularFile.contents(path, limitBytes: size) == bytes)
        if size > 0 { #expect(code { _ = try RegularFile.contents(path, limitBytes: size - 1) } == .limitExceeded) }
    }

    @Test func whatIsNoRegularFileIsRefusedWithoutWaiting() throws {
        let folder = try TemporaryFolder()
        #expect(mkfifo(folder.place("pipe"), 0o600) == 0)
        for path in [folder.place("pipe"), "/dev/zero", folder.path] {
            #expect(code { _ = try RegularFile.contents(path, limitBytes: 10) } == .notRegular, "\(path)")
        }
        #expect(code { _ = try RegularFile.contents(folder.place("absent"), limitBytes: 10) } == .notFound)
        try folder.link("dangling", to: "absent")
        #expect(code { _ = try RegularFile.contents(folder.place("dangling"), limitBytes: 10) } == .danglingLink)
    }

    /// Files of `/proc` say that they have no bytes.
    @Test func aFileOfUnknownSizeIsReadToItsEnd() throws {
        #expect(try RegularFile.text("/proc/self/status", limitBytes: 1 << 20).contains("VmRSS"))
        #expect(code { _ = try RegularFile.contents("/proc/self/status", limitBytes: 16) } == .limitExceeded)
    }

    @Test func linksAreFollowedOrRefused() throws {
        let folder = try TemporaryFolder()
        try folder.write("text", to: "file")
        try folder.link("link", to: "file")
        #expect(try RegularFile.text(folder.place("link"), limitBytes: 10) == "text")
        #expect(code { _ = try RegularFile.text(folder.place("link"), limitBytes: 10, links: .refuse) } == .unsafePath)
    }

    @Test func aByteOrderMarkIsNoPartOfTheText() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(ByteOrderMark.bytes + Array("a: 1".utf8), to: "file.yaml")
        #expect(try RegularFile.text(path, limitBytes: 100) == "a: 1")
        #expect(ByteOrderMark.skipped("\u{FEFF}a") == "a")
        #expect(ByteOrderMark.skipped("a\u{FEFF}") == "a\u{FEFF}")
        #expect(Array(ByteOrderMark.skipped([0xEF, 0xBB] as [UInt8])) == [0xEF, 0xBB])
        let broken = try folder.write([0x61, 0xFF], to: "broken")
        #expect(code { _ = try RegularFile.text(broken, limitBytes: 10) } == .notText)
    }

    @Test func aFileThatChangesWhileItIsReadIsAnError() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write([UInt8](repeating: 7, count: 10_000), to: "file")
        let file = try RegularFile(path)
        try file.checkUnchanged()
        #expect(truncate(path, 100) == 0)
        #expect(code { try file.checkUnchanged() } == .changed)
        var bytes = [UInt8](repeating: 0, count: 10_000)
        #expect(code { try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) } } == .changed)
    }

    @Test func aStampChangesWithEachChangeOfTheFile() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("one", to: "file")
        let first = try #require(try FileStamp.of(path))
        #expect(try FileStamp.of(path) == first)
        #expect(first.size == 3)
        try folder.write("three", to: "other")
        #expect(rename(folder.place("other"), path) == 0)
        let second = try #require(try FileStamp.of(path))
        #expect(second != first && second.inode != first.inode)
        #expect(try FileStamp.of(folder.place("absent")) == nil)
    }
}
