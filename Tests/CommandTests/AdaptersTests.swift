import Foundation
import Testing

@Suite struct AdaptersTests {
    private func folder() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("lmoe-adapters-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    @Test func theListSaysWhatIsServedAndRouted() throws {
        let run = try Invocation("adapters", "list", "--json")
        #expect(run.status == 0)
        let adapters = try #require(try run.json()["adapters"] as? [[String: Any]])
        #expect(adapters.compactMap { $0["name"] as? String } == ["attributes", "bash", "data2text", "explain", "intent", "math", "pronounce", "sql"])
        let families = adapters.compactMap { $0["family"] as? String }
        #expect(families == ["dora", "lora", "lora", "mixlora", "lora", "lora", "lora", "lora"])
        for adapter in adapters {
            #expect(adapter["state"] as? String == "ready")
            #expect((adapter["routing"] as? [String: Any])?["routable"] as? Bool == true)
        }
        let table = try Invocation("adapters", "list")
        #expect(table.output.split(separator: "\n").count == 9)
    }

    @Test func aGoodFolderTakesEffect() throws {
        let run = try Invocation("adapters", "check", "--json", "adapters/sql")
        #expect(run.status == 0)
        let json = try run.json()
        #expect(json["takes_effect"] as? Bool == true)
        #expect(json["rank"] as? Int == 8)
        #expect((json["targets"] as? [String])?.contains("q_proj") == true)
        #expect((json["problems"] as? [Any])?.isEmpty == true)
    }

    @Test func theSizeOfTheEffectIsMeasured() throws {
        let run = try Invocation("adapters", "check", "--json", "--encoder", "none", "adapters/sql")
        #expect(run.status == 0, "\(run.errors)")
        let json = try run.json()
        let effects = try #require(json["effects"] as? [[String: Any]])
        #expect(effects.count == 210)
        for effect in effects {
            let relative = try #require(effect["relative"] as? Double)
            #expect(relative > 0.0001 && relative < 1, "\(effect)")
        }
        let change = try #require(json["logit_change"] as? [String: Any])
        #expect((change["mean_kl"] as? Double ?? 0) > 0.01)
        #expect((change["base"] as? [String: Any])?["text"] is String)
        #expect((json["similar_weights"] as? [Any])?.isEmpty == true, "it is not compared with itself")
    }

    /// Finite numbers, but no logit is one, or all are 0.
    @Test(arguments: ["lora_alpha", "alpha_pattern"]) func weightsThatAreTooLargeAreAProblem(key: String) throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let huge = folder.appendingPathComponent("huge")
        try FileManager.default.copyItem(at: Invocation.root.appendingPathComponent("adapters/math"), to: huge)
        let file = huge.appendingPathComponent("adapter_config.json")
        var configuration = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
        configuration[key] = key == "lora_alpha" ? 1e30 : ["layers.15.mlp.down_proj": 1e30]
        try JSONSerialization.data(withJSONObject: configuration).write(to: file)
        let run = try Invocation("adapters", "check", "--json", "--no-compare", "--encoder", "none", huge.path)
        #expect(run.status == 3, "\(run.errors)")
        let json = try run.json()
        #expect(json["takes_effect"] as? Bool == false)
        let problems = try #require(json["problems"] as? [[String: Any]])
        #expect(problems.contains { $0["code"] as? String == "nonFinite" && ($0["message"] as? String)?.contains("no finite numbers") == true })
        #expect((json["logit_change"] as? [String: Any])?["finite"] as? Bool == false)
        let text = try Invocation("adapters", "check", "--no-compare", "--encoder", "none", huge.path)
        #expect(text.output.contains("can NOT be served") && !text.output.contains("KL 0.000"), "\(text.output)")
    }

    @Test func aBrokenTemplateIsAProblem() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let own = folder.appendingPathComponent("own")
        try FileManager.default.copyItem(at: Invocation.root.appendingPathComponent("adapters/math"), to: own)
        try Data("{{ messages | frobnicate }}".utf8).write(to: own.appendingPathComponent("chat_template.jinja"))
        let run = try Invocation("adapters", "check", "--no-model", "--no-compare", "--encoder", "none", own.path)
        #expect(run.status == 3 && run.output.contains("does NOT take effect") && run.output.contains("chat_template.jinja"), "\(run.output)")
        let list = try Invocation("adapters", "list", "--adapters", folder.path)
        #expect(list.output.contains("rejected"), "\(list.output)")
    }

    @Test func aCopyIsCalledOne() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.copyItem(
            at: Invocation.root.appendingPathComponent("adapters/math"), to: folder.appendingPathComponent("more-math"))
        let run = try Invocation("adapters", "check", "--no-model", "--encoder", "none", folder.appendingPathComponent("more-math").path)
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.contains("copy        math is the same adapter, byte for byte"), "\(run.output)")
        #expect(run.output.contains("of the base's") && !run.output.contains("next token"))
        let alone = try Invocation(
            "adapters", "check", "--no-model", "--no-compare", "--json", "--encoder", "none", folder.appendingPathComponent("more-math").path)
        let json = try alone.json()
        #expect(json["similar_weights"] is NSNull && json["logit_change"] is NSNull)
    }

    @Test func aFolderThatWouldNotLoadIsNo() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let empty = try Invocation("adapters", "check", folder.path)
        #expect(empty.status == 3)
        #expect(empty.output.contains("problem"))
        let source = Invocation.root.appendingPathComponent("adapters/sql")
        try FileManager.default.copyItem(
            at: source.appendingPathComponent("adapter_config.json"),
            to: folder.appendingPathComponent("adapter_config.json"))
        try Data("not a model".utf8).write(to: folder.appendingPathComponent("adapter_model.bin"))
        let pickle = try Invocation("adapters", "check", "--json", folder.path)
        #expect(pickle.status == 3)
        #expect((try pickle.json()["problems"] as? [Any])?.isEmpty == false)
    }

    @Test func anAdapterIsAddedListedAndRemoved() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let place = ["LMOE_ADAPTERS": folder.path]
        let added = try Invocation("adapters", "add", "adapters/sql", "--name", "copy", environment: place)
        #expect(added.status == 0, "\(added.errors)")
        #expect(FileManager.default.fileExists(atPath: folder.appendingPathComponent("copy/adapter_config.json").path))
        #expect(!added.output.contains("same"))
        let twin = try Invocation("adapters", "add", "adapters/sql", "--name", "twin", environment: place)
        #expect(twin.status == 0 && twin.output.contains("copy is the same adapter"), "\(twin.output)")
        #expect(try Invocation("adapters", "remove", "twin", environment: place).status == 0)
        let again = try Invocation("adapters", "add", "adapters/sql", "--name", "copy", environment: place)
        #expect(again.status == 1)
        let list = try Invocation("adapters", "list", "--json", environment: place)
        #expect((try list.json()["adapters"] as? [[String: Any]])?.first?["name"] as? String == "copy")
        let removed = try Invocation("adapters", "remove", "copy", environment: place)
        #expect(removed.status == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { !$0.hasPrefix(".") }.isEmpty)
    }

    @Test func anAdapterIsConverted() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let target = folder.appendingPathComponent("plain").path
        let run = try Invocation("adapters", "convert", "--to", "lora", "--json", "adapters/sql", target)
        #expect(run.status == 0, "\(run.errors)")
        let json = try run.json()
        #expect(json["family"] as? String == "lora" && json["form"] as? String == "peft" && json["tensors"] as? Int == 420)
        #expect(FileManager.default.fileExists(atPath: "\(target)/route.yaml"), "routing data goes along")
        let config = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: "\(target)/adapter_config.json"))) as? [String: Any]
        #expect(config?["use_rslora"] == nil)
        #expect(abs((config?["lora_alpha"] as? Double ?? 0) - 16 * 8.0.squareRoot()) < 1e-5, "the factor is the same")
        let again = try Invocation("adapters", "convert", "adapters/sql", target)
        #expect(again.status == 1 && again.errors.contains("nothing is overwritten"))
        let check = try Invocation("adapters", "check", "--no-model", "--encoder", "none", "--json", target)
        let alike = try #require(try check.json()["similar_weights"] as? [[String: Any]])
        #expect(alike.first?["adapter"] as? String == "sql" && (alike.first?["similarity"] as? Double ?? 0) > 0.999999)
    }
}
