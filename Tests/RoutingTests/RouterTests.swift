import Foundation
import Generation
import TestSupport
import Testing

@testable import Routing

@Suite struct RouterTests {
    static let bash = RouteDefinition(
        adapter: "bash",
        examples: [
            "list all files in the folder", "find files larger than one megabyte", "delete files older than a week",
            "count lines of every file", "show files sorted by size", "copy all files to the backup folder",
            "rename files in this folder", "find empty files", "archive the folder with its files",
            "print the largest files", "search files for a word", "list hidden files",
        ])
    static let sql = RouteDefinition(
        adapter: "sql",
        examples: [
            "which rivers run through texas", "what is the longest river in ohio", "how many states border iowa",
            "which state has the most rivers", "what is the capital of ohio", "which states border texas",
            "what is the largest state", "name the rivers of nevada", "what rivers cross utah",
            "how many rivers are in idaho", "which capital is the largest", "what states have no river",
        ])

    static func router(_ definitions: [RouteDefinition], policy: RoutePolicy = .init()) throws -> Router {
        let router = Router(embedder: WordEmbedder(), policy: policy)
        try router.update(definitions)
        return router
    }

    @Test func aTextLikeTheExamplesFindsItsAdapter() throws {
        let router = try Self.router([Self.bash, Self.sql])
        let decision = try router.decide(RouteQuery(text: "find all files larger than two megabytes in the folder"))
        #expect(decision.adapter == "bash")
        #expect(decision.route == .matched)
        #expect(decision.candidates.map(\.adapter) == ["bash", "sql"])
        #expect(decision.candidates[0].nearest.count == 5)
        #expect(decision.candidates[0].nearest[0].similarity >= decision.candidates[0].nearest[4].similarity)
        #expect(try router.decide(RouteQuery(text: "which rivers border ohio")).adapter == "sql")
    }

    @Test func aTextLikeNothingFallsBack() throws {
        let decision = try Self.router([Self.bash, Self.sql]).decide(
            RouteQuery(text: "compose music about melancholy evenings"))
        #expect(decision.adapter == nil)
        #expect(decision.route == .fallback)
        #expect(decision.probability! < decision.threshold!)
    }

    @Test func thresholdsOfQueryAndDefinitionCount() throws {
        var strict = Self.bash
        strict.threshold = 1
        let router = try Self.router([strict, Self.sql])
        let text = "list all files in the folder"
        #expect(try router.decide(RouteQuery(text: text)).route == .fallback)
        #expect(try router.decide(RouteQuery(text: text, threshold: 0)).adapter == "bash")
    }

    @Test func candidatesLimitTheChoice() throws {
        let router = try Self.router([Self.bash, Self.sql])
        let decision = try router.decide(RouteQuery(text: "list files", candidates: ["sql"], threshold: 0))
        #expect(decision.adapter == "sql")
        let error = #expect(throws: RoutingError.self) {
            try router.decide(RouteQuery(text: "list files", candidates: ["nobody"]))
        }
        #expect(error?.code == .unknownCandidate)
    }

    @Test func aCopyIsNoRivalAndPriorityChoosesBetweenTheTwo() throws {
        let text = "find all files larger than two megabytes in the folder"
        var copy = Self.bash
        copy.adapter = "copy"
        let decision = try Self.router([Self.bash, copy, Self.sql]).decide(RouteQuery(text: text))
        #expect(decision.route == .matched && ["bash", "copy"].contains(decision.adapter))
        #expect(try abs((decision.probability ?? 0) - (Self.router([Self.bash, Self.sql]).decide(RouteQuery(text: text)).probability ?? 0)) < 0.25)
        #expect(decision.reason.contains("whose examples are nearly the same"))
        copy.priority = 1
        #expect(try Self.router([Self.bash, copy, Self.sql]).decide(RouteQuery(text: text)).adapter == "copy")
        copy.examples = Array(copy.examples.dropFirst(2))
        #expect(try Self.router([Self.bash, copy, Self.sql]).decide(RouteQuery(text: text)).route == .matched)
        let other = try Self.router([Self.bash, copy, Self.sql]).decide(RouteQuery(text: "compose music about melancholy evenings"))
        #expect(other.route == .fallback)
    }

    @Test func priorityDecidesTies() throws {
        var twin = Self.bash
        twin.adapter = "aaa"
        twin.priority = 1
        #expect(try Self.router([Self.bash, twin]).decide(RouteQuery(text: "list files", threshold: 0)).adapter == "aaa")
        twin.priority = 0
        var first = Self.bash
        first.priority = 1
        #expect(try Self.router([first, twin]).decide(RouteQuery(text: "list files", threshold: 0)).adapter == "bash")
    }

    @Test func disabledAndEmptyDefinitionsAreNeverChosen() throws {
        var off = Self.bash
        off.isEnabled = false
        let router = try Self.router([off, RouteDefinition(adapter: "mute")])
        #expect(router.routableAdapters.isEmpty)
        #expect(try router.decide(RouteQuery(text: "list files", threshold: 0)).route == .fallback)
    }

    @Test func overlappingAdaptersAreReported() throws {
        var twin = Self.bash
        twin.adapter = "shell"
        let overlaps = try Self.router([Self.bash, twin, Self.sql]).overlaps()
        #expect(overlaps.count == 1)
        #expect(overlaps.first?.first == "bash" && overlaps.first?.second == "shell")
    }

    @Test func hostileQueriesGetAnAnswer() throws {
        let router = try Self.router([Self.bash, Self.sql])
        #expect(try router.decide(RouteQuery(text: "")).route == .fallback)
        #expect(try router.decide(RouteQuery(text: " \n\t")).route == .fallback)
        let long = try router.decide(RouteQuery(text: String(repeating: "é", count: 100_000), top: 0))
        #expect(long.text.utf8.count <= router.limits.queryBytes)
        #expect(long.candidates.count == 1)
    }

    @Test func examplesAreEmbeddedOnceAndCachedByContent() throws {
        let folder = try TemporaryFolder()
        let first = WordEmbedder()
        let cold = Router(embedder: first, cacheFolder: "\(folder.path)/cache")
        try cold.update([Self.bash, Self.sql])
        let expected = Self.bash.examples.count + Self.sql.examples.count + BackgroundTexts.all.count
        #expect(first.embeddedTexts.withLock { $0 } == expected)
        let second = WordEmbedder()
        let warm = Router(embedder: second, cacheFolder: "\(folder.path)/cache")
        try warm.update([Self.bash, Self.sql])
        #expect(second.embeddedTexts.withLock { $0 } == 0)
        let other = WordEmbedder(identity: "words-2")
        try Router(embedder: other, cacheFolder: "\(folder.path)/cache").update([Self.bash, Self.sql])
        #expect(other.embeddedTexts.withLock { $0 } == expected)
        // One bit of a vector or a feature, in files of the right size.
        for name in try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/cache") where name.hasSuffix(".vec") {
            let file = URL(fileURLWithPath: "\(folder.path)/cache/\(name)")
            var bytes = try Data(contentsOf: file)
            bytes[bytes.count * 3 / 4] ^= 4
            try bytes.write(to: file, options: .atomic)
        }
        let repaired = WordEmbedder()
        try Router(embedder: repaired, cacheFolder: "\(folder.path)/cache").update([Self.bash, Self.sql])
        #expect(repaired.embeddedTexts.withLock { $0 } == expected)
        for name in try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/cache") {
            try Data("lmoevec3 damaged".utf8).write(to: URL(fileURLWithPath: "\(folder.path)/cache/\(name)"))
        }
        let again = WordEmbedder()
        try Router(embedder: again, cacheFolder: "\(folder.path)/cache").update([Self.bash, Self.sql])
        #expect(again.embeddedTexts.withLock { $0 } == expected)
    }

    @Test func aCascadeBelievesTheFirstWhereItIsSure() throws {
        func cascade(_ confidence: Double) throws -> (Router, first: WordEmbedder, second: WordEmbedder) {
            var policy = RoutePolicy()
            policy.confidence = confidence
            let (first, second) = (WordEmbedder(identity: "first"), WordEmbedder(identity: "second"))
            let router = Router(embedder: second, policy: policy, first: Router(embedder: first, policy: policy))
            try router.update([Self.bash, Self.sql])
            return (router, first, second)
        }
        let query = RouteQuery(text: "find all files larger than two megabytes in the folder")
        let (trusting, first, second) = try cascade(0.6)
        let (before, after) = (first.embeddedTexts.withLock { $0 }, second.embeddedTexts.withLock { $0 })
        let sure = try trusting.decide(query)
        #expect(sure.adapter == "bash" && sure.notes.first?.isSure == true && sure.notes.first?.adapter == "bash")
        #expect(first.embeddedTexts.withLock { $0 } == before + 1 && second.embeddedTexts.withLock { $0 } == after)
        let none = try trusting.decide(RouteQuery(text: "compose music about melancholy evenings"))
        #expect(none.adapter == nil && none.notes.first?.isSure == true)
        let (doubting, _, asked) = try cascade(1.1)
        let embedded = asked.embeddedTexts.withLock { $0 }
        let decision = try doubting.decide(query)
        #expect(decision.adapter == "bash" && decision.notes.first?.isSure == false)
        #expect(asked.embeddedTexts.withLock { $0 } == embedded + 1)
        guard case .object(let object) = decision.json, case .object(let opinion)? = object["first"] else {
            throw RoutingError(.malformedFile, "no `first`")
        }
        #expect(opinion.keys == ["encoder", "adapter", "probability", "sure", "us"])
        // Both learn of what comes.
        let math = RouteDefinition(adapter: "math", examples: (0..<12).map { "add \($0) apples and \($0 + 3) pears" })
        try trusting.update([Self.bash, Self.sql, math])
        #expect(try trusting.decide(RouteQuery(text: "add 5 apples and 9 pears")).adapter == "math")
        #expect(throws: RoutingError.self) { try trusting.decide(RouteQuery(text: "list files", candidates: ["nobody"])) }
    }

    @Test func theExplanationHasTheDocumentedShape() throws {
        let decision = try Self.router([Self.bash, Self.sql]).decide(RouteQuery(text: "list files", top: 1))
        guard case .object(let object) = decision.json else { throw RoutingError(.malformedFile, "not an object") }
        #expect(
            object.keys == [
                "adapter", "route", "reason", "probability", "none_probability", "margin", "threshold", "text", "candidates", "encoder",
                "timings_us",
            ])
    }

    @Test func progressCountsWhatIsEmbeddedAndNotWhatTheCacheHas() throws {
        let folder = try TemporaryFolder()
        func steps(_ definitions: [RouteDefinition]) throws -> [[Int]] {
            var steps: [[Int]] = []
            try Router(embedder: WordEmbedder(), cacheFolder: "\(folder.path)/cache").update(definitions) { steps.append([$0, $1]) }
            return steps
        }
        #expect(try steps([Self.bash]) == [[12, 12]])
        let more = RouteDefinition(adapter: "more", examples: ["a poem", "a song"])
        #expect(try steps([Self.bash, Self.sql, more]) == [[2, 14], [14, 14]])
        #expect(try steps([Self.bash, Self.sql, more]) == [])
    }
}
