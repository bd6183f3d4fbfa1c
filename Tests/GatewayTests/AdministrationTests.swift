import Adapters
import Foundation
import Generation
import OpenAIAPI
import Serving
import TestSupport
import Testing

@testable import Gateway

@Suite struct AdministrationTests {
    private func make(_ folder: TemporaryFolder, imports: Bool = true) throws -> LibraryAdministration {
        let library = try Fixture.library(folder)
        library.refresh()
        let source = try folder.makeFolder("imports")
        try TinyAdapter.write("poems", in: source, value: 3, examples: ["write a poem on rain"])
        return LibraryAdministration(
            library: library, imports: imports ? source : nil, queue: WorkQueue("test", capacity: 8, purpose: "to be changed"))
    }

    private func code(_ body: () async throws -> Void) async -> APIError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? APIError ?? (error as? GenerationError).map(APIError.init))?.code
        }
    }

    @Test func addingCopiesFromTheImportFolderAndServesAtOnce() async throws {
        let folder = try TemporaryFolder()
        let administration = try make(folder)
        let report = try await administration.add("verses", source: "poems")
        #expect(report.name == "verses")
        #expect(report.state == "ready")
        #expect(administration.library.shelf.names == ["geo", "shell", "verses"])
        #expect(administration.library.router?.routableAdapters.contains("verses") == true)
        #expect(await code { _ = try await administration.add("verses", source: "poems") } == .adapterExists)
        try await administration.remove("verses")
        #expect(administration.library.shelf.names == ["geo", "shell"])
        #expect(folder.exists("imports/poems/adapter_config.json"))
        #expect(await code { try await administration.remove("verses") } == .adapterNotFound)
        #expect(await code { try await administration.remove("../imports") } == .invalidRequest)
    }

    @Test func nothingOutsideTheImportFolderIsRead() async throws {
        let folder = try TemporaryFolder()
        let administration = try make(folder)
        try TinyAdapter.write("secret", in: try folder.makeFolder("elsewhere"), value: 5, examples: [])
        try FileManager.default.createSymbolicLink(
            atPath: "\(folder.path)/imports/link", withDestinationPath: "\(folder.path)/elsewhere/secret")
        for source in ["../elsewhere/secret", "\(folder.path)/elsewhere/secret", "link", "nope", "", ".", "poems/../../elsewhere/secret"] {
            #expect(await code { _ = try await administration.add("stolen", source: source) } == .invalidRequest, "\(source)")
        }
        #expect(administration.library.shelf.names == ["geo", "shell"])
    }

    /// Messages of the system and places outside the two folders are for the log.
    @Test func whatFailsInsideTheServerIsToldInGeneral() async throws {
        let secret = "/srv/secret/adapters/geo: cannot delete: Read-only file system"
        for code in [AdapterError.Code.io, .unavailable] {
            let error = APIError(AdapterError(code, secret, adapter: "geo"), adapter: "geo", folders: ["/srv/adapters"])
            #expect(!error.message.contains("secret") && !error.message.contains("Read-only") && error.message.contains("`geo`"))
            #expect(error.cause?.contains(secret) == true && error.code == (code == .io ? .internalFailure : .overloaded))
        }
        for code in [AdapterError.Code.notFound, .exists, .invalidName, .unsafePath, .malformed] {
            let error = APIError(AdapterError(code, "/srv/secret/geo is wrong", adapter: "geo"), adapter: "geo", folders: ["/srv/secret"])
            #expect(error.message == "adapter geo: geo is wrong" && error.cause == nil)
        }
        let folder = try TemporaryFolder()
        let administration = try make(folder)
        try folder.write("a file", to: "adapters/verses")
        func told(_ body: () async throws -> Void) async -> APIError? {
            do {
                try await body()
                return nil
            } catch {
                return error as? APIError
            }
        }
        let taken = await told { _ = try await administration.add("verses", source: "poems") }
        #expect(taken?.code == .adapterExists && taken?.message.contains(folder.path) == false, "\(taken?.message ?? "")")
        try folder.remove("imports")
        let away = await told { _ = try await administration.add("rhymes", source: "poems") }
        #expect(away?.code == .internalFailure && away?.message.contains(folder.path) == false)
        #expect(away?.cause?.contains("\(folder.path)/imports: No such file") == true, "\(away?.cause ?? "")")
        rename("\(folder.path)/adapters", "\(folder.path)/elsewhere")
        let gone = await told { try await administration.load("geo", path: "geo", inPlace: true) }
        #expect(gone?.code == .overloaded && gone?.message.contains(folder.path) == false)
        #expect(gone?.cause?.contains("no such file") == true, "\(gone?.cause ?? "")")
    }

    @Test func withoutAnImportFolderItIsRefused() async throws {
        let folder = try TemporaryFolder()
        let administration = try make(folder, imports: false)
        #expect(await code { _ = try await administration.add("verses", source: "poems") } == .importsDisabled)
        #expect(await code { try await administration.load("verses", path: "poems", inPlace: false) } == .importsDisabled)
    }

    @Test func badAdaptersAreRejectedWithTheReason() async throws {
        let folder = try TemporaryFolder()
        let administration = try make(folder)
        try folder.write("{}", to: "imports/bad/adapter_config.json")
        let failed = await code { _ = try await administration.add("bad", source: "bad") }
        #expect(failed == .adapterRejected)
        #expect(!folder.exists("adapters/bad"))
        #expect(await code { _ = try await administration.add("a/b", source: "poems") } == .invalidRequest)
        #expect(await code { _ = try await administration.add("base", source: "poems") } == .invalidRequest)
    }

    @Test func vllmsLoadAndUnloadServeAndHide() async throws {
        let folder = try TemporaryFolder()
        let administration = try make(folder)
        let own = "\(folder.path)/adapters/geo"
        #expect(await code { try await administration.load("geo", path: own, inPlace: false) } == .adapterExists)
        try await administration.unload("geo")
        #expect(administration.library.shelf.names == ["shell"])
        #expect(await code { try await administration.unload("geo") } == .adapterNotFound)
        try await administration.load("geo", path: own, inPlace: false)
        #expect(administration.library.shelf.names == ["geo", "shell"])
        #expect(try await administration.report("geo").state == "resident")
        try await administration.load("verses", path: "poems", inPlace: false)
        #expect(administration.library.shelf.names == ["geo", "shell", "verses"])
        #expect(await code { try await administration.load("shell", path: "poems", inPlace: false) } == .adapterExists)
    }

    @Test func loadingInPlaceReplacesTheFolderAndABadOneReplacesNothing() async throws {
        let folder = try TemporaryFolder()
        let administration = try make(folder)
        let before = try await administration.report("geo").details["version"]
        try await administration.load("geo", path: "poems", inPlace: true)
        #expect(administration.library.shelf.names == ["geo", "shell"])
        let report = try await administration.report("geo")
        #expect(report.details["version"] != before && report.state == "resident")
        try folder.write("{}", to: "imports/bad/adapter_config.json")
        #expect(await code { try await administration.load("geo", path: "bad", inPlace: true) } == .adapterRejected)
        #expect(try await administration.report("geo").details["version"] == report.details["version"])
        #expect(!folder.exists("adapters/.removed-geo") && !folder.exists("adapters/.partial-geo"))
    }

    @Test func aPathThatIsNotThereIsNotFound() async throws {
        let folder = try TemporaryFolder()
        let administration = try make(folder)
        for path in ["nope", "/nope", "../elsewhere", "/etc"] {
            do {
                try await administration.load("new", path: path, inPlace: path == "nope")
                Issue.record("\(path) was loaded")
            } catch let error as APIError {
                #expect(error.code == .adapterNotFound && error.param == "lora_path", "\(path)")
            }
        }
    }

    /// An overload is no empty list.
    @Test func moreThanWaitsIsAnErrorForListsToo() async throws {
        let folder = try TemporaryFolder()
        let library = try Fixture.library(folder)
        let queue = WorkQueue("test", capacity: 0, purpose: "to be changed")
        let full = LibraryAdministration(library: library, imports: nil, queue: queue)
        let gate = DispatchSemaphore(value: 0)
        let running = Task { try await queue.run { gate.wait() } }
        while queue.count == 0 { await Task.yield() }
        #expect(await code { _ = try await full.list() } == .overloaded)
        gate.signal()
        try await running.value
    }
}
