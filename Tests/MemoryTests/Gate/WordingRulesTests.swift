import Testing

@testable import Memory

@Suite("Rules for wordings")
struct WordingRulesTests {
    @Test("spellings and abbreviations are put for each other, the rest of the question stays")
    func spellings() {
        #expect(WordingRules.wordings(of: "What is Ann's Phone number?") == ["What is Ann's telephone number?"])
        #expect(WordingRules.wordings(of: "Ann's date of birth?") == ["Ann's birthday?"])
        #expect(WordingRules.wordings(of: "Which postcode?") == ["Which postal code?", "Which zip code?"])
        #expect(WordingRules.wordings(of: "my  e-mail, please") == ["my  email, please"])
    }

    @Test("words that only begin like one of a group are left, and so are questions without any")
    func none() {
        for question in ["", " ", "What is the capital of Chile?", "Who phones?", "Which database1?", "labs"] {
            #expect(WordingRules.wordings(of: question).isEmpty, "\(question)")
        }
    }

    @Test("there are at most four")
    func bound() {
        #expect(WordingRules.wordings(of: "phone email wifi id colour centre").count == WordingRules.most)
    }
}
