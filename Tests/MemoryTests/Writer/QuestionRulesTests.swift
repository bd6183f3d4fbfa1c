import Testing

@testable import Memory

@Suite("rules for other wordings") struct QuestionRulesTests {
    @Test(
        "wordings are right English",
        arguments: [
            (
                "What is the door code of the Larsen project?",
                ["Tell me the door code of the Larsen project.", "Can you tell me what the door code of the Larsen project is?", "I need the door code of the Larsen project, please."]
            ),
            ("What are Anna's working hours?", ["Tell me Anna's working hours.", "Can you tell me what Anna's working hours are?", "I need Anna's working hours, please."]),
            ("What was the first offer?", ["Tell me the first offer.", "Can you tell me what the first offer was?", "I would like to know what the first offer was."]),
            ("What's the password", ["Tell me the password.", "Can you tell me what the password is?", "I need the password, please."]),
            ("Who is the head of sales?", ["Tell me who the head of sales is.", "Can you tell me who the head of sales is?", "I would like to know who the head of sales is."]),
            ("Who wrote Faust?", ["Tell me who wrote Faust.", "Can you tell me who wrote Faust?", "I would like to know who wrote Faust."]),
            (
                "How many people live in Oslo?",
                ["Tell me how many people live in Oslo.", "Can you tell me how many people live in Oslo?", "I would like to know how many people live in Oslo."]
            ),
            ("How old is the bridge?", ["Tell me how old the bridge is.", "Can you tell me how old the bridge is?", "I would like to know how old the bridge is."]),
            ("Give me the address of the depot.", ["Please give me the address of the depot.", "Can you give me the address of the depot?", "I would like you to give me the address of the depot."]),
        ] as [(String, [String])])
    func rules(question: String, expected: [String]) {
        #expect(QuestionRules.paraphrases(of: question) == expected)
    }

    @Test(
        "where the grammar is not sure, a frame leaves the question as it is",
        arguments: [
            ("Where was Napoleon born?", "where was Napoleon born?"), ("When does the shop open?", "when does the shop open?"),
            ("What is the door code for?", "what is the door code for?"), ("What is Peter doing?", "what is Peter doing?"),
            ("Who was the car sold by?", "who was the car sold by?"), ("How many people did Ann invite?", "how many people did Ann invite?"),
            ("Who is coming to dinner?", "who is coming to dinner?"), ("Is the lift broken?", "is the lift broken?"),
            ("Which code opens the gate?", "which code opens the gate?"),
        ])
    func frames(question: String, inner: String) {
        #expect(
            QuestionRules.paraphrases(of: question)
                == ["Please tell me: \(inner)", "Can you answer this for me? \(question)", "I have a question: \(inner)"])
    }

    @Test("texts that are no questions are framed without a question mark")
    func statements() {
        #expect(QuestionRules.paraphrases(of: "Capital of Norway").first == "Please tell me: Capital of Norway")
        #expect(QuestionRules.paraphrases(of: "Name of the owner").first == "Please tell me: Name of the owner")
    }

    @Test("a wording is never the question, and empty texts have none")
    func edges() {
        for question in ["?", "What is?", "Who?", "What is the x?", "  What is the x ?  ", "Tell me.", "é", "What\u{A0}is the x?"] {
            #expect(!QuestionRules.paraphrases(of: question).contains(question))
        }
        #expect(QuestionRules.paraphrases(of: " \n").isEmpty && QuestionRules.paraphrases(of: "?").isEmpty)
        #expect(QuestionRules.paraphrases(of: "  What is the x ?  ").first == "Tell me the x.")
    }
}
