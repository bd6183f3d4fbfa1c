import Foundation
import TestSupport
import Testing

@Suite("lmoe merge-adapters and lmoe extract")
struct MergeAdapterTests {
    /// The tiny base with two adapters of its own.
    private func world() throws -> TinyBase {
        let tiny = try TinyBase()
        for name in ["one", "two", "wide"] {
            let source = URL(fileURLWithPath: "\(Checkout.path)/Tests/MergingTests/Fixtures/merges/\(name)")
            try FileManager.default.copyItem(at: source, to: tiny.folder.appendingPathComponent("adapters/\(name)"))
        }
        try Data("description: \"About one.\"\nexamples:\n- \"a question\"\n".utf8)
            .write(to: tiny.folder.appendingPathComponent("adapters/one/route.yaml"))
        return tiny
    }

    @Test("Two adapters become one, which is served and routed")
    func merged() throws {
        let tiny = try world()
        defer { tiny.remove() }
        let run = try Invocation(
            "merge-adapters", "both", "--adapter", "one=0.5", "--adapter", "wide", "--json", environment: tiny.environment)
        #expect(run.status == 0, "\(run.errors)")
        let json = try run.json()
        #expect(json["error"] as? Double == 0 && json["method"] as? String == "cat" && json["examples"] as? Int == 1)
        #expect((json["modules"] as? [[String: Any]])?.compactMap { $0["rank"] as? Int } == [10, 4, 11, 4])
        let list = try Invocation("adapters", "list", "--json", environment: tiny.environment)
        let adapters = try #require(try list.json()["adapters"] as? [[String: Any]])
        #expect(adapters.contains { $0["name"] as? String == "both" && $0["state"] as? String == "ready" })
        let again = try Invocation("merge-adapters", "both", "--adapter", "one", environment: tiny.environment)
        #expect(again.status == 1 && again.errors.contains("already exists"))
        let table = try Invocation(
            "merge-adapters", "both", "--adapter", "one", "--adapter", "two", "--method", "svd", "--rank", "2", "--replace",
            environment: tiny.environment)
        #expect(table.status == 0 && table.output.contains("q_proj") && table.output.contains("lost %"), "\(table.errors)")
    }

    @Test("Usage errors say what is expected", arguments: [
        (["both"], "Name the adapters"), (["both", "--adapter", "one", "--rank", "3", "--energy", "0.5"], "give one of them"),
        (["both", "--adapter", "one=x"], "expected a name and a weight"), (["both", "--adapter", "none"], "there is no adapter `none`"),
        (["both", "--adapter", "one", "--method", "ties"], "say which share"), (["base", "--adapter", "one"], "no adapter can have this name"),
    ])
    func usage(arguments: [String], message: String) throws {
        let tiny = try world()
        defer { tiny.remove() }
        let run = try Invocation(["merge-adapters"] + arguments, environment: tiny.environment)
        #expect(run.status != 0 && run.errors.contains(message), "\(run.errors)")
    }

    @Test("A LoRA is taken out of two models")
    func extracted() throws {
        let tiny = try world()
        defer { tiny.remove() }
        let same = try Invocation("extract", tiny.path("base"), tiny.path("base"), "taken", environment: tiny.environment)
        #expect(same.status == 2 && same.errors.contains("do not differ"), "\(same.errors)")
        let missing = try Invocation("extract", tiny.path("base"), tiny.path("none"), "taken", environment: tiny.environment)
        #expect(missing.status == 1)
    }
}
