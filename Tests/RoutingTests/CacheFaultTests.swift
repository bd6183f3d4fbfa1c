import Foundation
import Generation
import TestSupport
import Testing

@testable import Routing

/// A cache that cannot be written, cannot be read, or is changed by somebody else while it is in use.
@Suite struct CacheFaultTests {
    /// Enough texts that the files are mapped.
    private static let definitions = [
        RouteDefinition(adapter: "count", examples: (0..<300).map { "count the \($0) apples in basket \($0 * 7 % 31)" }),
        RouteDefinition(adapter: "sing", examples: (0..<300).map { "sing of the \($0) rivers by moon \($0 * 11 % 37)" }),
    ]
    private static let query = RouteQuery(text: "count the apples in the basket")

    private func vectorFiles(_ folder: TemporaryFolder) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.place("cache")).filter { $0.hasSuffix(".vec") }.map { folder.place("cache/\($0)") }
    }

    private func largeFiles(_ folder: TemporaryFolder) throws -> [String] {
        try vectorFiles(folder).filter { try FileManager.default.attributesOfItem(atPath: $0)[.size] as? Int ?? 0 > 64 << 10 }
    }

    @Test(arguments: [0, 100, 5_000])
    func aFileThatBecomesShorterIsEmbeddedAgain(size: off_t) throws {
        let folder = try TemporaryFolder()
        let embedder = WordEmbedder()
        let router = Router(embedder: embedder, cacheFolder: folder.place("cache"))
        try router.update(Self.definitions)
        let before = try router.decide(Self.query)
        #expect(before.adapter == "count" && router.cacheProblem == nil)
        #expect(try largeFiles(folder).count == 2)
        for file in try largeFiles(folder) { #expect(truncate(file, size) == 0) }
        let after = try router.decide(Self.query)
        #expect(after.adapter == "count" && after.candidates.map(\.probability) == before.candidates.map(\.probability))
        #expect(after.candidates.map(\.nearest) == before.candidates.map(\.nearest))
        #expect(router.cacheProblem?.contains("became shorter") == true)
        // What was embedded again is kept again.
        let next = WordEmbedder()
        try Router(embedder: next, cacheFolder: folder.place("cache")).update(Self.definitions)
        #expect(next.embeddedTexts.withLock { $0 } == 0)
    }

    @Test(arguments: [0, 100, 80_000])
    func trainingDoesNotLearnFromAFileThatBecameShorter(size: off_t) throws {
        let folder = try TemporaryFolder()
        let router = Router(embedder: WordEmbedder(), cacheFolder: folder.place("cache"))
        try router.update(Self.definitions)
        for file in try largeFiles(folder) { #expect(truncate(file, size) == 0) }
        let more = Self.definitions + [RouteDefinition(adapter: "math", examples: (0..<12).map { "add \($0) pears and \($0 + 3) plums" })]
        try router.update(more)
        let fresh = Router(embedder: WordEmbedder())
        try fresh.update(more)
        #expect(try router.decide(Self.query).candidates.map(\.probability) == fresh.decide(Self.query).candidates.map(\.probability))
    }

    @Test func aCacheThatIsNoFolderIsSaid() throws {
        let folder = try TemporaryFolder()
        try folder.write("not a folder", to: "cache")
        let router = Router(embedder: WordEmbedder(), cacheFolder: folder.place("cache"))
        try router.update(Self.definitions)
        #expect(try router.decide(Self.query).adapter == "count")
        let problem = try #require(router.cacheProblem)
        #expect(problem.contains(folder.place("cache")) && problem.contains("not a folder") && problem.contains("every start"))
    }

    @Test func aCacheThatCannotBeWrittenIsSaidWithWhatItCosts() throws {
        let folder = try TemporaryFolder()
        let first = Router(embedder: WordEmbedder(), cacheFolder: folder.place("cache"))
        try first.update(Self.definitions)
        // Folders in the places of the files: they can be neither read nor replaced, also by root.
        for file in try vectorFiles(folder) {
            try FileManager.default.removeItem(atPath: file)
            try FileManager.default.createDirectory(atPath: "\(file)/x", withIntermediateDirectories: true)
        }
        let embedder = WordEmbedder()
        let router = Router(embedder: embedder, cacheFolder: folder.place("cache"))
        try router.update(Self.definitions)
        #expect(try router.decide(Self.query).adapter == "count")
        #expect(router.cacheProblem?.contains("not a regular file") == true)
        #expect(router.cacheProblem?.contains("texts were embedded and cannot be kept") == true)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.place("cache")).allSatisfy { !$0.hasSuffix(".partial") })
        for file in try vectorFiles(folder) { try FileManager.default.removeItem(atPath: file) }
        try router.update(Self.definitions)
        #expect(router.cacheProblem == nil, "it is over once the cache works again")
    }

    @Test func aCacheFolderIsCreatedWithThoseAboveIt() throws {
        let folder = try TemporaryFolder()
        let router = Router(embedder: WordEmbedder(), cacheFolder: folder.place("a/b/c"))
        try router.update(Self.definitions)
        #expect(router.cacheProblem == nil && folder.exists("a/b/c"))
    }
}
