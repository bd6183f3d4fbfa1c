import Testing

@testable import Routing

@Suite struct SpellingTests {
    static let spelling = Spelling(
        examples: [
            "how many rivers run through texas", "which rivers cross texas", "list all files in the folder", "find the largest files",
            "show files of that folder",
        ]
    ) { ["weather": 500, "whether": 300, "through": 90, "where": 40, "list": 30, "what": 5, "form": 60, "from": 8][$0] }

    @Test(arguments: [
        ("how many rivrs run through texas", "how many rivers run through texas"),
        ("how many riveers run trough texas?", "how many rivers run through texas?"),
        ("lsit all fiels in the fodler", "list all files in the folder"),
        ("(Texxas)", "(texas)"),
        ("LIST ALL FIELS", "LIST ALL files"),
        ("'in the fodler'", "'in the folder'"),
        // Known to the examples goes before known to the encoder.
        ("files in the foldr", "files in the folder"),
    ])
    func oneLetterIsCorrected(text: String, corrected: String) {
        #expect(Self.spelling.corrected(text) == corrected)
    }

    @Test(arguments: [
        "how many rivers run through texas", "what is the weather", "from where", "teh", "qwertyuiop", "ls -la /var/filse",
        "filse.txt", "fileS4", "myFiels", "filés", "", "   ", "user@fiels", "$fiels",
        // Endings of known words, names in quotation marks and in capitals.
        "what weathers", "listed and listing", "the \"wether\" folder", "lines with FIELS",
    ])
    func knownShortFarAndCodeStay(text: String) {
        #expect(Self.spelling.corrected(text) == nil)
    }

    @Test func ofTwoTheCommonerOneOfTheVocabulary() {
        #expect(Self.spelling.corrected("wheather") == "whether", "both are one letter away; whether is the commoner")
    }

    @Test func onlyTheFirstUnknownWordsAreLookedAt() {
        let junk = Array(repeating: "qwertyuiop", count: 8).joined(separator: " ")
        #expect(Self.spelling.corrected("\(junk) texxas") == nil)
        #expect(Self.spelling.corrected("texxas \(junk)") == "texas \(junk)")
    }

    @Test func aWordThatComesOnceCorrectsNoOther() {
        #expect(Self.spelling.corrected("croos") == nil, "cross comes once, and may be a typo itself")
    }
}
