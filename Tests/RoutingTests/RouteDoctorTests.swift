import Generation
import Testing

@testable import Routing

@Suite struct RouteDoctorTests {
    private static func found(_ definitions: [RouteDefinition]) throws -> [RouteDiagnosis] {
        try RouterTests.router(definitions).diagnoses()
    }

    @Test func healthyAdaptersHaveNoErrors() throws {
        let found = try Self.found([RouterTests.bash, RouterTests.sql])
        #expect(!found.contains { $0.severity == .error })
        #expect(!found.contains { $0.kind == .alike || $0.kind == .mislabelled || $0.kind == .shadowed })
        // 12 examples each.
        #expect(found.filter { $0.kind == .fewExamples }.map(\.severity) == [.note, .note])
    }

    @Test func aTextOfTwoAdaptersIsAnError() throws {
        var sql = RouterTests.sql
        sql.examples.append("  List ALL files in the folder ")
        let shared = try Self.found([RouterTests.bash, sql]).filter { $0.kind == .sharedExample }
        #expect(shared.map(\.adapter) == ["sql"] && shared.first?.other == "bash" && shared.first?.severity == .error)
        #expect(shared.first?.texts == ["  List ALL files in the folder "])
    }

    @Test func anExampleInTheWrongPlaceIsSuspected() throws {
        var sql = RouterTests.sql
        sql.examples.append("find all empty files in the folder and list the files")
        let suspects = try Self.found([RouterTests.bash, sql]).filter { $0.kind == .mislabelled }
        let own = suspects.filter { $0.adapter == "sql" }
        #expect(own.count == 1 && own.first?.other == "bash" && own.first?.severity == .warning)
        #expect(own.first?.texts == ["find all empty files in the folder and list the files"])
    }

    @Test func aSuspectComesWithItsScoresAndTheNearestTextOfTheOther() throws {
        var sql = RouterTests.sql
        sql.examples.append("find all empty files in the folder and list the files")
        let suspect = try Self.found([RouterTests.bash, sql]).first { $0.kind == .mislabelled && $0.adapter == "sql" }
        let evidence = try #require(suspect?.evidence.first)
        let rival = try #require(evidence.rival)
        #expect(rival.adapter == "bash" && rival.score - (evidence.own ?? 1) >= Double(RouteDoctor.mislabelled))
        #expect(RouterTests.bash.indexedTexts.contains(evidence.nearest?.text ?? ""))
        guard case .object(let json)? = suspect?.json, case .array(let list)? = json["evidence"], case .object(let first)? = list.first else {
            Issue.record("no evidence in the JSON")
            return
        }
        #expect(first["text"] == .string(evidence.text) && first["score"] != .null && first["other"] != .null && first["nearest"] != .null)
    }

    @Test func anOutOfScopeTextThatIsAnExampleIsAnError() throws {
        let router = try RouterTests.router([RouterTests.bash, RouterTests.sql])
        try router.update([RouterTests.bash, RouterTests.sql], negatives: ["List all files in the  folder", "sing a song"])
        let shared = router.diagnoses().filter { $0.kind == .sharedExample }
        #expect(shared.map(\.adapter) == ["bash"] && shared.first?.severity == .error && shared.first?.other == nil)
    }

    @Test func nearlyTheSameTextInTwoAdaptersIsToldOnce() throws {
        var sql = RouterTests.sql
        // The test's encoder counts words: another order is another text with the same vector.
        sql.examples.append("in the folder list all files")
        let near = try Self.found([RouterTests.bash, sql]).filter { $0.kind == .nearlyShared }
        #expect(near.count == 1 && near.first?.severity == .warning && near.first?.evidence.count == 1)
        #expect(Set([near.first?.adapter, near.first?.other]) == ["bash", "sql"])
    }

    @Test func anAdapterWhoseTextsAreAnothersIsShadowed() throws {
        let few = RouteDefinition(
            adapter: "finder",
            examples: ["find hidden files in the folder", "list large files in this folder", "copy files older than a week", "which rivers cross iowa and texas"])
        let shadows = try Self.found([RouterTests.bash, RouterTests.sql, few]).filter { $0.kind == .shadowed }
        #expect(shadows.map(\.adapter) == ["finder"] && shadows.first?.other == "bash" && shadows.first?.severity == .error)
    }

    @Test func twoOfAKindAreToldOnceAndDoNotCountAsWrong() throws {
        var twin = RouterTests.bash
        twin.adapter = "shell"
        twin.examples = twin.examples.map { $0.split(separator: " ").reversed().joined(separator: " ") }
        let found = try Self.found([RouterTests.bash, twin, RouterTests.sql])
        let alike = found.filter { $0.kind == .alike }
        #expect(alike.map(\.adapter) == ["bash"] && alike.first?.other == "shell")
        #expect(!found.contains { $0.kind == .mislabelled || $0.kind == .shadowed })
    }

    @Test func thresholdsOutOfReachAndThinFoldersAreTold() throws {
        var strict = RouterTests.bash, open = RouterTests.sql
        (strict.threshold, open.threshold) = (0.999, 0)
        let thin = RouteDefinition(adapter: "thin", description: "sings songs about stars")
        let long = RouteDefinition(adapter: "long", examples: (0..<6).map { number in "tell a story \(number) " + String(repeating: "of old ", count: 200) })
        let found = try Self.found([strict, open, thin, long])
        let thresholds = found.filter { $0.kind == .threshold && $0.adapter != "long" }
        #expect(Set(thresholds.map(\.adapter)) == ["bash", "sql"])
        #expect(thresholds.first { $0.adapter == "sql" }?.message.contains("refuses nothing") == true)
        #expect(found.contains { $0.kind == .fewExamples && $0.adapter == "thin" && $0.severity == .warning })
        #expect(found.contains { $0.kind == .long && $0.adapter == "long" && $0.message.hasPrefix("6 of its") })
        #expect(found.contains { $0.kind == .repetition && $0.adapter == "long" })
    }

    @Test func anEmptyIndexHasNothingToTell() throws {
        #expect(try Self.found([]).isEmpty)
        #expect(try Self.found([RouterTests.bash]).allSatisfy { $0.kind == .fewExamples })
    }

    @Test func aNewcomerWhoseTextsWentToAnotherIsTold() throws {
        let newcomer = RouteDefinition(
            adapter: "finder", examples: ["find hidden files in the folder", "list large files in this folder", "compose a waltz"])
        let router = Router(embedder: WordEmbedder())
        #expect(try router.update([RouterTests.bash, RouterTests.sql]).isEmpty)
        let claims = try router.update([RouterTests.bash, RouterTests.sql, newcomer])
        #expect(claims.map { [$0.adapter, $0.other] } == [["finder", "bash"]])
        #expect(claims.first.map { [$0.texts, $0.looked] } == [2, 3] && claims.first?.example == newcomer.examples[0])
        #expect(try router.update([RouterTests.bash, RouterTests.sql, newcomer]).isEmpty, "it is no newcomer any more")
        // An adapter that is like another one is told by `overlaps`.
        var twin = RouterTests.bash
        twin.adapter = "shell"
        #expect(try router.update([RouterTests.bash, RouterTests.sql, twin]).isEmpty)
        // A threshold that the texts do not reach leaves them to the base.
        var strict = RouterTests.bash
        strict.threshold = 0.999
        try router.update([strict, RouterTests.sql])
        #expect(try router.update([strict, RouterTests.sql, newcomer]).isEmpty)
    }

    @Test func overlapsOfSomeAreThoseOfAllThatNameThem() throws {
        var twin = RouterTests.bash
        twin.adapter = "shell"
        let router = try RouterTests.router([RouterTests.bash, RouterTests.sql, twin])
        for some: Set<String> in [["bash"], ["shell"], ["bash", "shell", "sql"]] {
            let pairs = router.overlaps(of: some)
            #expect(pairs.count == 1)
            #expect(Set([pairs.first?.first, pairs.first?.second]) == ["bash", "shell"])
        }
        #expect(router.overlaps(of: ["sql"]).isEmpty)
    }
}
