import Foundation
import Glibc
import TestSupport
import Testing

@testable import Tensors

@Suite struct MappedFileTests {
    private static let page = Int(sysconf(Int32(_SC_PAGESIZE)))

    private static func code(_ file: MappedFile) -> MappedFileError.Code? {
        do throws(MappedFileError) {
            try file.check()
            return nil
        } catch {
            return error.code
        }
    }

    private static func sum(_ file: MappedFile) -> Int { file.withUnsafeBytes { $0.reduce(0) { $0 + Int($1) } } }

    /// Without the guard this ends the test process with SIGBUS.
    @Test(arguments: [0, 1, page, page + 1, 3 * page])
    func aFileThatIsTruncatedWhileItIsMappedReadsAsZerosAndCountsAsDamaged(size: Int) throws {
        let folder = try TemporaryFolder()
        let whole = 16 * Self.page
        let path = try folder.write([UInt8](repeating: 1, count: whole), to: "weights")
        let file = try MappedFile(path: path)
        #expect(Self.sum(file) == whole)
        try file.check()
        #expect(truncate(path, size) == 0)
        #expect(Self.sum(file) == size)
        #expect(file.isDamaged)
        #expect(Self.code(file) == .damaged)
        // It stays so when the file grows again, since readers may have seen the zeros.
        #expect(truncate(path, whole) == 0)
        #expect(Self.code(file) == .damaged)
        #expect(try Self.code(MappedFile(path: path)) == nil)
    }

    /// The system zeroes the rest of the last page: no fault, so that only the size tells.
    @Test func aFileThatLosesAPartOfItsLastPageIsDamagedToo() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write([UInt8](repeating: 1, count: 100), to: "weights")
        let file = try MappedFile(path: path)
        #expect(truncate(path, 60) == 0)
        #expect(Self.sum(file) == 60)
        do throws(MappedFileError) {
            try file.check()
            Issue.record("a shorter file was not noticed")
        } catch {
            #expect(error.description == "\(path): the file became shorter: 60 bytes, it had 100")
        }
    }

    @Test func aFileThatIsReplacedOrDeletedIsNotDamaged() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write([UInt8](repeating: 1, count: 2 * Self.page), to: "weights")
        let file = try MappedFile(path: path)
        try folder.write([2], to: "other")
        #expect(rename(folder.place("other"), path) == 0)
        #expect(Self.sum(file) == 2 * Self.page)
        try file.check()
        unlink(path)
        #expect(Self.sum(file) == 2 * Self.page)
        try file.check()
    }

    @Test func threadsThatReadAtOnceAllSurvive() async throws {
        let folder = try TemporaryFolder()
        let whole = 256 * Self.page
        let path = try folder.write([UInt8](repeating: 1, count: whole), to: "weights")
        let healthy = try MappedFile(path: folder.write([UInt8](repeating: 1, count: whole), to: "healthy"))
        let file = try MappedFile(path: path)
        #expect(truncate(path, 7 * Self.page) == 0)
        let sums = await withTaskGroup(of: [Int].self) { group in
            for _ in 0..<4 { group.addTask { [Self.sum(file), Self.sum(healthy)] } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        for sum in sums { #expect(sum == [7 * Self.page, whole]) }
        #expect(Self.code(file) == .damaged)
        #expect(Self.code(healthy) == nil)
    }

    @Test func aMappingThatTakesThePlaceOfADamagedOneIsNot() throws {
        let folder = try TemporaryFolder()
        for round in 0..<200 {
            let path = try folder.write([UInt8](repeating: 1, count: 4 * Self.page), to: "weights-\(round)")
            let file = try MappedFile(path: path)
            #expect(!file.isDamaged)
            if round % 2 == 0 {
                #expect(truncate(path, 0) == 0)
                #expect(Self.sum(file) == 0 && file.isDamaged)
            } else {
                #expect(Self.sum(file) == 4 * Self.page && !file.isDamaged)
            }
        }
    }

    @Test func aPrivateCopyIsNeverDamaged() throws {
        let copy = try MappedFile(path: "copy", size: 10) { bytes in bytes.copyBytes(from: Array(0..<10)) }
        try copy.check()
        #expect(!copy.isDamaged)
    }
}
