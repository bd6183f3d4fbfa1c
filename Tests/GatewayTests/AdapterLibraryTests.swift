import Adapters
import Foundation
import Generation
import JSON
import Routing
import Serving
import TestSupport
import Testing

@testable import Gateway

@Suite struct AdapterLibraryTests {
    private func router(_ library: AdapterLibrary) -> DispatchedRouter {
        DispatchedRouter(
            library.dispatcher, rules: { library.shelf.rules }, queue: WorkQueue("test", capacity: 8, purpose: "to be routed"),
            backend: NamingBackend(library.store))
    }

    /// Past the time in which a folder counts as being copied.
    private func rest() { usleep(80_000) }

    @Test func whatIsInTheFolderIsServedAndRouted() throws {
        let folder = try TemporaryFolder()
        let library = try Fixture.library(folder)
        let refresh = library.refresh()
        #expect(refresh.changes.added == ["geo", "shell"])
        #expect(refresh.isRouterUpdated)
        #expect(library.shelf.names == ["geo", "shell"])
        #expect(library.router?.routableAdapters == ["geo", "shell"])
        #expect(try library.router?.decide(RouteQuery(text: "find the large files in a folder")).adapter == "shell")
        #expect(library.refresh().isEmpty)
    }

    /// The encoder is busy while both clients leave: neither text is embedded.
    @Test func textsOfClientsThatLeftAreNotEmbedded() async throws {
        let folder = try TemporaryFolder()
        let library = try Fixture.library(folder)
        library.refresh()
        let queue = WorkQueue("test", capacity: 8, purpose: "to be routed")
        let embedder = WordEmbedder()
        let router = DispatchedRouter(
            library.dispatcher, rules: { library.shelf.rules }, queue: queue, backend: NamingBackend(library.store),
            decided: { decision, _ in Issue.record("\(decision.text) was decided") })
        let gate = DispatchSemaphore(value: 0)
        let busy = Task { try await queue.run { gate.wait() } }
        while queue.count < 1 { await Task.yield() }
        let asked = Task { try await router.route(RouteQuestion(.text("find the large files in a folder"))) }
        let embedded = Task { try await QueuedEmbeddings(embedder: embedder, queue: queue).embed(["a text"]) }
        while queue.count < 3 { await Task.yield() }
        asked.cancel()
        embedded.cancel()
        gate.signal()
        try await busy.value
        #expect(await #expect(throws: GenerationError.self) { try await asked.value }?.code == .cancelled)
        await #expect(throws: CancellationError.self) { try await embedded.value }
        #expect(embedder.embeddedTexts.withLock { $0 } == 0)
    }

    @Test func whatTheSystemSaidOfAnAdaptersFilesIsForTheLog() throws {
        let folder = try TemporaryFolder()
        let library = try Fixture.library(folder)
        for code in [AdapterError.Code.io, .unavailable] {
            let reason = library.reason(AdapterError(code, "\(library.store.folder)/sql: cannot open: Permission denied", adapter: "sql"))
            #expect(!reason.contains("Permission") && !reason.contains(folder.path), "\(reason)")
        }
        // A refusal for what the files hold is told, without the place of the folder.
        try FileManager.default.removeItem(atPath: "\(library.store.folder)/geo/adapter_model.safetensors")
        library.refresh()
        let report = try #require(library.report("geo"))
        #expect(report.reason?.contains("adapter_model.safetensors") == true && report.reason?.contains(folder.path) == false, "\(report)")
    }

    @Test func theBaseModelIsAskedWithinTheCachePartitionOfTheCaller() async throws {
        let folder = try TemporaryFolder()
        var policy = RequestPolicy()
        policy.languageModel = .always
        let library = try Fixture.library(folder, policy: policy)
        library.refresh()
        let backend = NamingBackend(library.store)
        let router = DispatchedRouter(
            library.dispatcher, rules: { library.shelf.rules }, queue: WorkQueue("test", capacity: 8, purpose: "to be routed"), backend: backend)
        _ = try await router.route(RouteQuestion(.text("find the large files in a folder"), cachePartition: "key 2"))
        let partitions = backend.requests.withLock { $0.map(\.cachePartition) }
        #expect(!partitions.isEmpty && partitions.allSatisfy { $0 == "key 2" })
    }

    @Test func anAdapterInASubfolderIsOneOfItsOwn() throws {
        let folder = try TemporaryFolder()
        let library = try Fixture.library(folder, routes: true)
        library.refresh()
        try TinyAdapter.write("geo/poems", in: "\(folder.path)/adapters", value: 3, examples: ["write a poem on rain", "a sonnet of the sea"])
        try TinyAdapter.write("geo/quiet", in: "\(folder.path)/adapters", value: 4, examples: [])
        try folder.write("examples: [\"hush now\", \"be quiet please\"]\n", to: "routes/geo.quiet.yaml")
        rest()
        #expect(library.refresh().changes.added == ["geo.poems", "geo.quiet"])
        #expect(library.shelf.names == ["geo", "geo.poems", "geo.quiet", "shell"])
        #expect(try library.router?.decide(RouteQuery(text: "a poem of the sea")).adapter == "geo.poems")
        #expect(try library.router?.decide(RouteQuery(text: "be quiet now")).adapter == "geo.quiet")
        #expect(library.report("geo.poems")?.folder == "\(folder.path)/adapters/geo/poems")
        #expect(throws: AdapterError.self) { try library.remove("geo") }
        try library.remove("geo.poems")
        #expect(library.shelf.names == ["geo", "geo.quiet", "shell"])
        #expect(library.unload("geo.quiet") && library.shelf.names == ["geo", "shell"])
    }

    @Test func newAdaptersAreRoutedAndRemovedOnesVanish() throws {
        let folder = try TemporaryFolder()
        let library = try Fixture.library(folder)
        library.refresh()
        try TinyAdapter.write("poems", in: "\(folder.path)/adapters", value: 3, examples: ["write a poem on rain", "a sonnet of the sea"])
        rest()
        #expect(library.refresh().changes.added == ["poems"])
        #expect(try library.router?.decide(RouteQuery(text: "a poem of the sea")).adapter == "poems")
        try FileManager.default.removeItem(atPath: "\(folder.path)/adapters/geo")
        let refresh = library.refresh()
        #expect(refresh.changes.removed == ["geo"])
        #expect(refresh.isRouterUpdated)
        #expect(library.shelf.names == ["poems", "shell"])
        #expect(library.router?.routableAdapters == ["poems", "shell"])
    }

    @Test func changedRoutingDataIsReadWithoutNewWeights() throws {
        let folder = try TemporaryFolder()
        let library = try Fixture.library(folder, routes: true)
        library.refresh()
        try folder.write("threshold: 0.9\nenabled: false\n", to: "routes/geo.yaml")
        rest()
        let refresh = library.refresh()
        #expect(refresh.isRouterUpdated)
        #expect(library.router?.routableAdapters == ["shell"])
        #expect(library.shelf.entries["geo"]?.routingProblem?.contains("switched off") == true)
        #expect(library.shelf.names == ["geo", "shell"])
    }

    @Test func brokenRoutingDataIsToldOnceAndTheNameServed() throws {
        let folder = try TemporaryFolder()
        let library = try Fixture.library(folder)
        library.refresh()
        try folder.write("exmaples: []\n", to: "adapters/geo/route.yaml")
        rest()
        #expect(library.refresh().routingProblems["geo"]?.contains("exmaples") == true)
        #expect(library.refresh().routingProblems.isEmpty)
        #expect(library.shelf.names == ["geo", "shell"])
        #expect(library.router?.routableAdapters == ["shell"])
    }

    /// An unmounted disk, a mistyped rename, a permission: everything is served on, and said.
    @Test func foldersThatAreAwayChangeNothing() throws {
        let folder = try TemporaryFolder()
        let library = try Fixture.library(folder, routes: true)
        try folder.write("allow: [team-a]\n", to: "routes/geo.yaml")
        try folder.write("\"order a pizza\"\n\"walk the dog\"\n", to: "routes/none.jsonl")
        library.refresh()
        func isAsItWas() throws -> Bool {
            let rules = library.shelf.rules
            return library.shelf.names == ["geo", "shell"] && library.router?.routableAdapters == ["geo", "shell"]
                && !rules.admits(Caller(key: "team-b"), to: "geo") && rules.admits(Caller(key: "team-a"), to: "geo")
                && rules.admits(Caller(key: "team-b"), to: "shell")
        }
        #expect(try isAsItWas() && library.shelf.condition.isCertain)
        for name in ["adapters", "routes"] {
            try FileManager.default.moveItem(atPath: "\(folder.path)/\(name)", toPath: "\(folder.path)/away")
            let refresh = library.refresh()
            #expect(refresh.changes.removed.isEmpty && !refresh.isRouterUpdated)
            #expect(try isAsItWas() && !library.shelf.condition.isCertain && library.shelf.condition.reasons.count == 1, "\(name)")
            #expect(name == "adapters" ? refresh.changes.folderFailure != nil : refresh.doubts.count == 1)
            #expect(library.refresh().isEmpty, "it is said once")
            try FileManager.default.moveItem(atPath: "\(folder.path)/away", toPath: "\(folder.path)/\(name)")
            let back = library.refresh()
            #expect(try isAsItWas() && library.shelf.condition.isCertain)
            #expect(name == "adapters" ? back.changes.isFolderBack : back.isCertainAgain)
        }
        try folder.write("", to: "routes/geo.yaml")
        #expect(library.refresh().doubts.first?.contains("it is empty") == true)
        #expect(!library.shelf.rules.admits(Caller(key: "team-b"), to: "geo"))
    }

    @Test func theStartRefusesAFolderOfRulesThatIsNotThere() throws {
        let folder = try TemporaryFolder()
        try folder.makeFolder("routes")
        func problem(_ routes: String) -> GatewayError? {
            do throws(GatewayError) {
                try ServiceConfiguration(SettingValues(flags: [.routes: routes], environment: [:])).checkRoutes()
                return nil
            } catch {
                return error
            }
        }
        #expect(problem("\(folder.path)/routes") == nil && problem("none") == nil)
        #expect(problem("\(folder.path)/route")?.code == .configuration)
        #expect(problem("\(folder.path)/route")?.description.contains("no such file or folder") == true)
        try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/link", withDestinationPath: "nowhere")
        #expect(problem("\(folder.path)/link")?.description.contains("a link to what does not exist") == true)
        #expect(throws: Never.self) { try ServiceConfiguration(environment: [:]).checkRoutes() }
    }

    /// Embedding takes as long as it takes: names, rules and the old index are read meanwhile, and adapters are unloaded.
    @Test func nothingWaitsForTheIndex() async throws {
        let folder = try TemporaryFolder()
        let embedder = HeldEmbedder()
        let adapters = try folder.makeFolder("adapters")
        try TinyAdapter.write("shell", in: adapters, value: 1, examples: Fixture.shell)
        let library = AdapterLibrary(
            store: AdapterStore(folder: adapters, base: TinyAdapter.base, budgetBytes: 1 << 20, limits: Fixture.quick()),
            router: Router(embedder: embedder), files: RouteFiles(routesFolder: nil))
        library.refresh()
        try TinyAdapter.write("geo", in: adapters, value: 2, examples: Fixture.queries)
        rest()
        embedder.hold()
        let building = Task.detached { library.refresh() }
        while !embedder.isWaiting { await Task.yield() }
        #expect(library.shelf.names == ["geo", "shell"] && library.router?.routableAdapters == ["shell"])
        #expect(library.unload("shell") && library.shelf.names == ["geo"], "it returns while the index is built")
        embedder.release()
        _ = await building.value
        #expect(library.router?.routableAdapters == ["geo"], "the thread that built it saw the change")
    }

    @Test func halfAFolderIsNotServedUntilItIsWhole() throws {
        let folder = try TemporaryFolder()
        let library = try Fixture.library(folder)
        library.refresh()
        try TinyAdapter.write("late", in: folder.path, value: 4, examples: ["late example text"])
        let weights = "\(folder.path)/late/adapter_model.safetensors"
        let kept = "\(folder.path)/kept"
        try FileManager.default.moveItem(atPath: weights, toPath: kept)
        try FileManager.default.moveItem(atPath: "\(folder.path)/late", toPath: "\(folder.path)/adapters/late")
        rest()
        #expect(library.refresh().changes.notReady["late"] != nil)
        #expect(!library.shelf.names.contains("late"))
        try FileManager.default.moveItem(atPath: kept, toPath: "\(folder.path)/adapters/late/adapter_model.safetensors")
        rest()
        #expect(library.refresh().changes.added == ["late"])
        #expect(library.shelf.names.contains("late"))
        #expect(library.router?.routableAdapters.contains("late") == true)
    }

    @Test func anAdapterThatTakesTheTextsOfAnotherIsTold() throws {
        let folder = try TemporaryFolder()
        let library = try Fixture.library(folder)
        #expect(library.refresh().claims.isEmpty, "those that come together take nothing from each other")
        let texts = ["list large files in a folder", "count the files in a folder", "find files in the folder", "which poems praise the moon"]
        try TinyAdapter.write("disk", in: "\(folder.path)/adapters", value: 5, examples: texts)
        try TinyAdapter.write("poems", in: "\(folder.path)/adapters", value: 6, examples: ["compose verses about autumn", "a sonnet on melancholy"])
        rest()
        let claims = library.refresh().claims
        #expect(claims.map(\.adapter) == ["disk"] && claims.first?.other == "shell")
        #expect(claims.first.map { 2 * $0.texts > $0.looked } == true && claims.first?.looked == 5, "four examples and the description")
        func report(_ name: String) -> JSONValue? {
            guard case .object(let routing)? = library.report(name)?.details["routing"] else { return nil }
            return routing["taken_from"]
        }
        #expect(report("disk") == claims.first?.json && report("poems") == .null && report("shell") == .null)
        // It is told as long as the texts are the same.
        rest()
        #expect(library.refresh().claims.isEmpty && report("disk") == claims.first?.json)
        try TinyAdapter.write("disk", in: "\(folder.path)/adapters", value: 5, examples: ["play quiet music", "sing a lullaby"])
        rest()
        #expect(library.refresh().claims.isEmpty && report("disk") == .null)
    }

    @Test func unloadedNamesAreNotServedAndTheirFoldersStay() throws {
        let folder = try TemporaryFolder()
        let library = try Fixture.library(folder)
        library.refresh()
        try library.store.preload("geo")
        #expect(library.store.counters.residentAdapters == 1)
        #expect(library.unload("geo"))
        #expect(library.store.counters.residentAdapters == 0)
        #expect(!library.unload("geo"))
        #expect(library.shelf.names == ["shell"])
        #expect(library.router?.routableAdapters == ["shell"])
        #expect(folder.exists("adapters/geo/adapter_config.json"))
        #expect(library.report("geo")?.state == "unloaded")
        library.refresh()
        #expect(library.shelf.names == ["shell"])
        library.restore("geo")
        #expect(library.shelf.names == ["geo", "shell"])
        #expect(library.router?.routableAdapters == ["geo", "shell"])
    }

    @Test func anAdapterThatLeftAMomentAgoIsNotChosen() async throws {
        let folder = try TemporaryFolder()
        let library = try Fixture.library(folder)
        library.refresh()
        let routing = router(library)
        #expect(try await routing.route(RouteQuestion(.tokens([1, 2]))).adapter == "shell")
        let turns = [ChatMessage(role: "user", content: "list files in a folder"), ChatMessage(role: "assistant", content: "which rivers cross texas")]
        #expect(try await routing.route(RouteQuestion(.messages(turns))).adapter == "shell")
        // The router's index still has it; the shelf has not.
        try library.store.remove("shell")
        _ = library.unload("shell")
        let choice = try await routing.route(RouteQuestion(.text("list files in a folder")))
        #expect(choice.adapter != "shell")
        await #expect(throws: GenerationError.self) { try await routing.route(RouteQuestion(.text("x"), candidates: ["nope"])) }
    }

    @Test func withoutAnEncoderTheBaseAnswers() async throws {
        let folder = try TemporaryFolder()
        let library = try Fixture.library(folder, embedder: nil)
        library.refresh()
        let routing = router(library)
        let choice = try await routing.route(RouteQuestion(.text("list files")))
        #expect(choice.route == .fallback)
        #expect(choice.adapter == nil)
        #expect(library.shelf.entries["geo"]?.routingProblem?.contains("no encoder") == true)
    }
}
