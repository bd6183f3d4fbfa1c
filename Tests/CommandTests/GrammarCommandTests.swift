import Foundation
import Testing

@Suite struct GrammarCommandTests {
    private func file(_ text: String) throws -> String {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("lmoe-grammar-\(UUID().uuidString)")
        try Data(text.utf8).write(to: file)
        return file.path
    }

    @Test(arguments: [
        ("schema", ##"{"$ref":"#/$defs/q","$defs":{"q":{"anyOf":[{"type":"null"},{"type":"integer"}]}}}"##, "12\nnull\n", "12\nx\n"),
        ("regex", "a+|b\n", "aa\nb\n", "a\nab\n"), ("gbnf", #"root ::= "x" root | "y""#, "xxy\ny\n", "y\nx\n"),
    ]) func aFormIsCompiledAndTextsAreTried(kind: String, source: String, right: String, wrong: String) throws {
        let (form, texts, others) = (try file(source), try file(right), try file(wrong))
        defer { for path in [form, texts, others] { try? FileManager.default.removeItem(atPath: path) } }
        let run = try Invocation("grammar", "check", form, "--kind", kind, "--text", texts, "--sample", "2")
        #expect(run.status == 0 && run.output.contains("compiled in"), "\(run.output)\(run.errors)")
        #expect(run.output.split(separator: "\n").count == 3)
        let failed = try Invocation("grammar", "check", form, "--kind", kind, "--text", others)
        #expect(failed.status == 3 && failed.output.contains("\(others), line 2"), "\(failed.output)\(failed.errors)")
    }

    @Test func aFormThatIsRefusedNamesThePlace() throws {
        let form = try file(#"{"items":{"type":"strin"}}"#)
        defer { try? FileManager.default.removeItem(atPath: form) }
        let run = try Invocation("grammar", "check", form)
        #expect(run.status == 3 && run.output.contains("/items"), "\(run.output)\(run.errors)")
    }
}
