import Foundation
import Testing

/// `lmoe complete --explain-experts` with a small MixLoRA for the base model.
@Suite struct ExpertTests {
    /// Rank 1 on up, two experts in each of the 30 layers. Deleted with this object.
    private final class Mixture {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("lmoe-experts-\(UUID().uuidString)")

        init() throws {
            let own = folder.appendingPathComponent("mixture")
            try FileManager.default.createDirectory(at: own, withIntermediateDirectories: true)
            var (header, data) = ([String: Any](), Data())
            func add(_ name: String, _ shape: [Int]) {
                let values = (0..<shape[0] * shape[1]).map { Float(sin(Double($0 * 7 + data.count))) * 0.05 }
                let start = data.count
                values.withUnsafeBytes { data.append(contentsOf: $0) }
                header[name] = ["dtype": "F32", "shape": shape, "data_offsets": [start, data.count]]
            }
            for layer in 0..<30 {
                add("mixlora.layers.\(layer).mlp.moe_gate.weight", [2, 576])
                for expert in 0..<2 {
                    add("mixlora.layers.\(layer).mlp.up_proj.experts.\(expert).lora_A.weight", [1, 576])
                    add("mixlora.layers.\(layer).mlp.up_proj.experts.\(expert).lora_B.weight", [1536, 1])
                }
            }
            var text = try JSONSerialization.data(withJSONObject: header)
            text.append(contentsOf: [UInt8](repeating: 0x20, count: (8 - text.count % 8) % 8))
            var file = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Data($0) }
            file += text + data
            try file.write(to: own.appendingPathComponent("adapter_model.safetensors"))
            let configuration = """
                {"routing_strategy": "mixlora", "r": 1, "lora_alpha": 2, "num_experts": 2, "top_k": 1, "target_modules": ["up_proj"]}
                """
            try Data(configuration.utf8).write(to: own.appendingPathComponent("adapter_config.json"))
        }

        deinit { try? FileManager.default.removeItem(at: folder) }
    }

    @Test func eachRoutersChoicesAreToldForPromptAndAnswer() throws {
        let mixture = try Mixture()
        func run(_ format: String) throws -> Invocation {
            try Invocation(
                "complete", "--adapters", mixture.folder.path, "--adapter", "mixture", "--raw", "--max-tokens", "3", "--explain-experts",
                format, "Once upon a time")
        }
        let told = try run("--json")
        #expect(told.status == 0, "\(told.errors)")
        let experts = try #require(try told.json()["experts"] as? [String: Any])
        let prompt = try #require(experts["prompt_tokens"] as? Int)
        let answer = try #require(experts["answer_tokens"] as? Int)
        #expect(prompt > 1 && answer > 0)
        let routers = try #require(experts["routers"] as? [[String: Any]])
        #expect(routers.map { $0["layer"] as? Int } == (0..<30).map { $0 })
        for router in routers {
            let logits = try #require(router["logits"] as? [[Double]])
            #expect(logits.count == prompt + answer)
            // The one expert of each token is that with the greater logit.
            let chosen = try #require((router["prompt"] as? [String: Any])?["chosen"] as? [Double])
            var first = 0.0
            for token in logits.prefix(prompt) where token[0] > token[1] { first += 1 / Double(prompt) }
            #expect(abs(chosen[0] - first) < 0.51 / Double(prompt))
            #expect(abs(chosen[0] + chosen[1] - 1) < 0.01)
        }
        let text = try run("--explain-experts")
        #expect(text.status == 0, "\(text.errors)")
        #expect(text.output.contains("feed-forward") && text.output.contains("of the answer"))
    }

    @Test func whatHasNoExpertsIsAFailureThatSaysSo() throws {
        let run = try Invocation("complete", "--adapter", "base", "--raw", "--max-tokens", "0", "--explain-experts", "Hi")
        #expect(run.status == 1 && run.errors.contains("no experts"))
    }
}
