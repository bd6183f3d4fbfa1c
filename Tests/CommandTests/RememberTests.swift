import Foundation
import TestSupport
import Testing

/// A memory from the first fact to the last, with the real models.
@Suite struct RememberTests {
    @Test func factsOfAFileAreToldAnsweredRefreshedAndForgotten() throws {
        let folder = try TemporaryFolder()
        let place = ["LMOE_ADAPTERS": folder.place("adapters"), "LMOE_ROUTES": "none"]
        try FileManager.default.createDirectory(atPath: folder.place("adapters"), withIntermediateDirectories: false)
        try folder.write("No adapter.", to: "adapters/README.md")
        func lmoe(_ arguments: String..., status: Int32 = 0) throws -> Invocation {
            let run = try Invocation(arguments, environment: place)
            #expect(run.status == status, "\(arguments): \(run.errors)")
            return run
        }
        func write(_ text: String) throws { try folder.write(text, to: "codes.csv") }
        let file = folder.place("codes.csv")
        func remember(_ more: String..., status: Int32 = 0) throws -> Invocation {
            let arguments = ["remember", "--file", file, "--question", "What is the code of the {door} door?", "--answer", "{code}"] + more
            let run = try Invocation(arguments, environment: place)
            #expect(run.status == status, "\(run.errors)")
            return run
        }
        #expect(try lmoe("memory", "list", status: 2).errors.contains("lmoe remember"))
        try write("door,code\ncellar,4711-A\nattic,0815-B\ncellar,4711-A\n")
        #expect(try remember().output.hasPrefix("facts: 2 added, 1 known"))
        #expect(try lmoe("complete", "--memory", "facts", "--adapter", "base", "Tell me the code of the cellar door.").output == "4711-A\n")
        let explained = try lmoe("complete", "--memory", "facts", "--adapter", "base", "--explain", "--max-tokens", "16", "Tell me the code of the cellar door.")
        #expect(explained.output.hasPrefix("4711-A\n\nfact 1 of facts: What is the code of the cellar door?\nscore: "))
        let bare = try lmoe("complete", "--adapter", "base", "--max-tokens", "16", "Tell me the code of the cellar door.").output
        #expect(explained.output.hasSuffix("without the memory: " + bare))
        let attic = try lmoe("memory", "explain", "--max-tokens", "16", "what is the code of the attic door").output
        #expect(attic.contains("answer: 0815-B"))
        #expect(attic.contains("without the memory: " + (try lmoe("complete", "--adapter", "base", "--max-tokens", "16", "what is the code of the attic door").output)))
        #expect(try lmoe("memory", "explain", "what is the capital of France", status: 3).output.contains("the base answers"))

        #expect(try lmoe("memory", "explain", "which keypad number has the cellar door", status: 3).output.contains("the base answers"))
        #expect(try lmoe("memory", "settings").output == "threshold: the memory's own\nno synonyms\n")
        #expect(try lmoe("memory", "settings", "--same", "code, Keypad number").output.hasSuffix("the same: code, keypad number\n"))
        let other = "Tell me the keypad number of the cellar door."
        #expect(try lmoe("complete", "--memory", "facts", "--adapter", "base", other).output == "4711-A\n")
        #expect(try lmoe("memory", "settings", "--same", "code, pin", "--drop", "keypad number", "--threshold", "1.5", "--json").output
            == "{\"memory\":\"facts\",\"threshold\":1.5,\"synonyms\":[[\"code\",\"pin\"]]}\n")
        #expect(try lmoe("memory", "settings", "--drop", "pin", "--threshold", "own").output == "threshold: the memory's own\nno synonyms\n")
        #expect(try lmoe("memory", "settings", "--drop", "pin", status: 1).errors.contains("no group of synonyms has \"pin\""))
        #expect(try lmoe("memory", "settings", "--same", "code", status: 2).errors.contains("at least two terms"))
        #expect(try lmoe("memory", "settings", "--same", "code, 12", status: 1).errors.contains("synonyms[0][1]"))
        #expect(try lmoe("memory", "settings", "--threshold", "high", status: 2).errors.contains("from -100 to 100"))
        #expect(try lmoe("memory", "settings", "--threshold", "101", status: 1).errors.contains("threshold"))
        try write("door,code\ncellar,4712-A\n")
        #expect(try remember(status: 1).errors.contains("answers this question already"))
        #expect(try remember("--refresh").output.hasPrefix("facts: 1 replaced, 1 forgotten"))
        let exported = try lmoe("memory", "export").output
        #expect(exported.split(separator: "\n").count == 1 && exported.contains("4712-A") && exported.contains("\"source\":\"codes.csv\""))
        #expect(try lmoe("memory", "verify").output == "facts: 1 of 1 facts are exact\n")
        #expect(try lmoe("memory", "forget", "9", status: 1).errors.contains("there is no fact 9"))
        #expect(try lmoe("memory", "forget", "--all", "--erase").output == "facts: 1 forgotten, 0 left\n")
        #expect(try lmoe("adapters", "list").output.contains("memory_store"))
    }

    @Test func whatIsWrongIsNamed() throws {
        let folder = try TemporaryFolder()
        try folder.write("{\"question\": \"a?\"}\n", to: "facts.jsonl")
        func errors(_ arguments: String..., status: Int32 = 2) throws -> String {
            let run = try Invocation(["remember"] + arguments, environment: ["LMOE_ADAPTERS": folder.path])
            #expect(run.status == status, "\(arguments): \(run.errors)")
            return run.errors
        }
        #expect(try errors().contains("--file"))
        #expect(try errors("What is this?").contains("wants an answer"))
        #expect(try errors("a?", "b", "--on-conflict", "maybe").contains("refuse, replace, add"))
        #expect(try errors("a?", "b", "--refresh").contains("go with --file"))
        #expect(try errors("--file", folder.place("facts.jsonl"), status: 1).contains("facts.jsonl:1: no `answer`"))
        #expect(try errors("--file", folder.place("facts.jsonl"), "--answer", "{x", status: 2).contains("`{` without `}`"))
        #expect(try errors("--file", folder.place("none.jsonl"), status: 1).contains("none.jsonl"))
    }
}
