import Foundation
import Testing

@Suite struct StatusTests {
    @Test func wrongUsageIsTwoAndSaysSoOnStandardError() throws {
        for run in [
            try Invocation("nope"), try Invocation("route", "--nope", "x"), try Invocation("route", "--top", "many", "x"),
            try Invocation("route", "--top", "0", "x"), try Invocation("complete", "--max-tokens", "-1", "x"),
            try Invocation("complete", "--temperature", "9", "x"), try Invocation("serve", "--port", "70000"),
            try Invocation("serve", "--log-level", "loud"), try Invocation("tokenize", "--encoder", "--decode"),
            try Invocation("complete", "--raw", "--system", "s", "x"), try Invocation("bench", "--rows", "1,x"),
            try Invocation("embed", "--encoder", "none"), try Invocation("adapters", "check"),
            try Invocation("route", "x", "--config", "/nowhere/lmoe.yaml"),
        ] {
            #expect(run.status == 2, "\(run.errors)")
            #expect(run.output.isEmpty)
            #expect(!run.errors.isEmpty)
        }
    }

    @Test func variablesAreCheckedLikeFlags() throws {
        let wrong = try Invocation("route", "x", environment: ["LMOE_TOP": "many"])
        #expect(wrong.status == 2)
        #expect(wrong.errors.contains("LMOE_TOP"))
        let port = try Invocation("serve", environment: ["LMOE_PORT": "http"])
        #expect(port.status == 2)
        #expect(port.errors.contains("LMOE_PORT"))
    }

    @Test func aFlagGoesBeforeAVariableAndAVariableBeforeTheFile() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).yaml")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data("base: /from/file.gguf\n".utf8).write(to: file)
        let words = Data("x\n".utf8)
        let fromFile = try Invocation("tokenize", "--config", file.path, input: words)
        #expect(fromFile.status == 1)
        #expect(fromFile.errors.contains("/from/file.gguf"))
        let fromVariable = try Invocation(
            "tokenize", "--config", file.path, input: words, environment: ["LMOE_BASE": "/from/variable.gguf"])
        #expect(fromVariable.errors.contains("/from/variable.gguf"))
        let fromFlag = try Invocation(
            "tokenize", "--config", file.path, "--base", "/from/flag.gguf", input: words,
            environment: ["LMOE_BASE": "/from/variable.gguf"])
        #expect(fromFlag.errors.contains("/from/flag.gguf"))
        try Data("bse: x\n".utf8).write(to: file)
        #expect(try Invocation("tokenize", "--config", file.path, input: words).status == 2)
    }

    @Test func whatFailsAtRunTimeIsOne() throws {
        for run in [
            try Invocation("route", "x", "--base", "/nowhere.gguf"), try Invocation("adapters", "check", "/nowhere"),
            try Invocation("tokenize", input: Data([0xFF, 0x0A])),
            try Invocation("tokenize", "--json", input: Data("x\n".utf8)),
            try Invocation("tokenize", "--decode", input: Data("one\n".utf8)),
            try Invocation("complete", "--adapter", "unknown", "x"), try Invocation("adapters", "remove", "unknown"),
        ] {
            #expect(run.status == 1, "\(run.errors)")
            #expect(run.output.isEmpty)
            #expect(run.errors.hasPrefix("lmoe: "))
        }
    }

    @Test(arguments: ["../x", "a/b", "..", "/etc", ".hidden", "a b"])
    func namesWithPathTricksAreRefused(name: String) throws {
        let runs = [
            try Invocation("complete", "--adapter", name, "x"), try Invocation("chat", "--adapter", name),
            try Invocation("adapters", "remove", name), try Invocation("adapters", "add", "adapters/bash", "--name", name),
        ]
        for run in runs {
            #expect(run.status == 2, "\(run.errors)")
            #expect(run.errors.contains("cannot name an adapter"))
        }
    }
}
