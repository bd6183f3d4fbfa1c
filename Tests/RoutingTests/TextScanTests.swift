import Generation
import Testing

@testable import Routing

/// Texts of any content cost time in proportion to their length. On quadratic code these tests would take hours.
@Suite struct TextScanTests {
    /// One character each, as Swift counts them, except the last.
    static let long = [
        "a" + String(repeating: "\u{0301}", count: 200_000), "a" + String(repeating: "\u{0301}\u{0323}", count: 100_000),
        String(repeating: "\u{1100}", count: 100_000), String(repeating: "👩\u{200D}", count: 50_000), String(repeating: "\r\n.", count: 100_000),
    ]

    @Test(.timeLimit(.minutes(20)), arguments: long.indices)
    func aTextThatIsOneCharacterIsRouted(number: Int) throws {
        let dispatcher = try RouteDispatcherTests.dispatcher { $0.languageModel = .always }
        let text = Self.long[number]
        for text in [text, "\(text)\n\nlist all files in the folder"] {
            let consideration = try dispatcher.consider(RouteQuestion(.text(text)), rules: RouteDispatcherTests.rules)
            #expect(consideration.decision.text.utf8.count <= 768)
            #expect((consideration.question?.prompt(rotation: 0).utf8.count ?? 0) < 4096)
        }
        let lines = "\(text)\n\nlist all files in the folder"
        #expect(try dispatcher.decide(RouteQuestion(.text(lines)), rules: RouteDispatcherTests.rules).adapter == "bash")
    }

    @Test(.timeLimit(.minutes(20)), arguments: long.indices)
    func aNameOfAnyLengthIsUnknown(number: Int) throws {
        let dispatcher = try RouteDispatcherTests.dispatcher()
        var request = RouteQuestion(.text("list files"))
        request.candidates = ["bash", Self.long[number]]
        let error = #expect(throws: RoutingError.self) { try dispatcher.decide(request, rules: RouteDispatcherTests.rules) }
        #expect(error?.code == .unknownCandidate)
        let router = try RouterTests.router([RouterTests.bash])
        #expect(throws: RoutingError.self) { try router.decide(RouteQuery(text: "list files", candidates: [Self.long[number]])) }
        #expect(RouteDispatcherTests.rules.admits(Caller(), to: Self.long[number]))
    }

    @Test(.timeLimit(.minutes(20)), arguments: long.indices)
    func examplesOfAnyContentAreRead(number: Int) throws {
        let text = String(Self.long[number].unicodeScalars.filter { $0 != "\r" && $0 != "\n" })
        let lines = try ExampleLines.parse("\"\(text)\"\r\n\r\n\"\(text)\"\n", place: "x")
        #expect(lines.count == 2)
        #expect(ModelCard.description("# Title\r\n\r\n\(text)\r\n") != nil)
        #expect(Spelling(examples: [text], rank: { _ in nil }).corrected(text) == nil)
    }

    @Test func aClientThatLeftStopsItsRoutingWork() throws {
        let embedder = WordEmbedder()
        let router = Router(embedder: embedder)
        try router.update([RouterTests.bash, RouterTests.sql])
        let dispatcher = RouteDispatcher(router: router)
        let before = embedder.embeddedTexts.withLock { $0 }
        let text = String(repeating: "Nothing of this matters here. ", count: 100)
        var question = RouteQuestion(.text("list all files\n\n\(text)\n\n\(text)"))
        // It leaves after the first of several pieces.
        question.isAbandoned = { embedder.embeddedTexts.withLock { $0 } > before }
        let error = #expect(throws: RoutingError.self) { try dispatcher.decide(question, rules: RouteDispatcherTests.rules) }
        #expect(error?.code == .cancelled && embedder.embeddedTexts.withLock { $0 } == before + 1)
    }

    @Test func manyCandidatesAreLookedUpAndNotCompared() throws {
        let router = try RouterTests.router([RouterTests.bash, RouterTests.sql])
        let decision = try router.decide(RouteQuery(text: "list files", candidates: Array(repeating: "sql", count: 100_000)))
        #expect(decision.candidates.map(\.adapter) == ["sql"])
    }

    @Test func cutsKeepWholeScalars() {
        let text = "aé€😀"
        for bytes in 0...12 {
            let (prefix, suffix) = (TextScan.prefix(text[...], bytes: bytes), TextScan.suffix(text[...], bytes: bytes))
            #expect(prefix.utf8.count <= bytes && suffix.utf8.count <= bytes)
            #expect(text.hasPrefix(prefix) && text.hasSuffix(suffix))
        }
        #expect(TextScan.prefix(text[...], bytes: 9) == "aé€")
        #expect(TextScan.suffix(text[...], bytes: 8) == "€😀")
    }

    @Test func wordsLinesAndBlanks() {
        #expect(TextScan.singleSpaced(" a \n\t b\u{A0}c ") == "a b c")
        #expect(TextScan.singleSpaced("ab cd", bytes: 3) == "ab" && TextScan.singleSpaced("ab cd", bytes: 4) == "ab c")
        #expect(TextScan.lines("a\r\nb\n\nc") == ["a", "b", "", "c"])
        #expect(TextScan.isBlank(" \u{2003}\n") && !TextScan.isBlank("\u{0301}"))
        #expect(TextScan.trimmed("  \r\n ") == "" && TextScan.trimmed(" a b ") == "a b")
        #expect(TextScan.areEqual("e\u{0301}", "e\u{0301}") && !TextScan.areEqual("é", "e\u{0301}"))
    }

    @Test func aLineMayEndAsOnAnyOtherSystem() {
        let filler = String(repeating: "Nothing of this matters here at all. ", count: 30)
        for end in ["\n\n", "\r\n\r\n", "\r\r", "\n \n", "\u{2029}\u{2029}"] {
            #expect(TextEdges.pieces("list the files\(end)\(filler)", bytes: 768).contains("list the files"))
        }
        #expect(!TextEdges.pieces("list the files\r\n\(filler)", bytes: 768).contains("list the files"))
    }
}
