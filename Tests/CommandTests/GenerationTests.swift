import Foundation
import Testing

/// Commands that run the real models.
@Suite struct GenerationTests {
    @Test func tokenizingAndDecodingGoBothWays() throws {
        let text = "Hello world\n  naïve 🙂\n"
        let ids = try Invocation("tokenize", input: Data(text.utf8))
        #expect(ids.output.hasPrefix("19556 905\n"))
        #expect(try Invocation("tokenize", "--decode", input: Data(ids.output.utf8)).output == text)
        let json = try Invocation("tokenize", "--json", input: Data("\"two\\nlines<|im_end|>\"\n".utf8))
        #expect(json.output.hasSuffix(",2]\n"))
        let plain = try Invocation("tokenize", "--json", "--plain", input: Data("\"two\\nlines<|im_end|>\"\n".utf8))
        #expect(!plain.output.hasSuffix(",2]\n"))
        #expect(
            try Invocation("tokenize", "--json", "--decode", input: Data(json.output.utf8)).output
                == "\"two\\nlines<|im_end|>\"\n")
        #expect(try Invocation("tokenize", "--encoder", input: Data("hello\n".utf8)).output == "101 7592 102\n")
        #expect(try Invocation("tokenize").output.isEmpty)
    }

    @Test func vectorsHaveLengthOne() throws {
        let run = try Invocation("embed", "--json", input: Data("a river\nanother river\n".utf8))
        let json = try run.json()
        let rows = try #require(json["embeddings"] as? [[Double]])
        #expect(rows.count == 2)
        #expect(json["dimension"] as? Int == 384)
        for row in rows {
            #expect(row.count == 384)
            #expect(abs(row.reduce(0) { $0 + $1 * $1 } - 1) < 1e-4)
        }
        let lines = try Invocation("embed", input: Data("a river\n".utf8)).output.split(separator: "\n")
        #expect(lines.count == 1)
        #expect(lines[0].split(separator: " ").count == 384)
    }

    @Test func aRoutedAnswerSaysWhoAnswered() throws {
        let run = try Invocation("complete", "--json", "--max-tokens", "8", "list all files larger than 10 MB under /var")
        #expect(run.status == 0, "\(run.errors)")
        let json = try run.json()
        #expect(json["adapter"] as? String == "bash")
        #expect((json["route"] as? [String: Any])?["route"] as? String == "matched")
        #expect((json["text"] as? String)?.hasPrefix("find /var") == true)
        #expect((json["usage"] as? [String: Int])?["completion_tokens"] ?? 0 > 0)
        #expect(json["version"] is String)
        let named = try Invocation("complete", "--adapter", "base", "--max-tokens", "4", "Hello")
        #expect(named.status == 0)
        #expect(named.output.hasSuffix("\n"))
    }

    @Test func logitsOfAPromptAreWrittenAsSafetensors() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).safetensors")
        defer { try? FileManager.default.removeItem(at: file) }
        let run = try Invocation(
            "complete", "--raw", "--adapter", "base", "--max-tokens", "0", "--logits", file.path, "Once upon a time")
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.isEmpty)
        let data = try Data(contentsOf: file)
        let length = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = try #require(
            try JSONSerialization.jsonObject(with: data[8..<8 + length]) as? [String: [String: Any]])
        #expect(header["logits"]?["shape"] as? [Int] == [4, 49152])
        #expect(header["logits"]?["dtype"] as? String == "F32")
    }

    @Test func perplexityOfATextIsMeasuredOnBothPaths() throws {
        let text = "The capital of France is Paris. The capital of Italy is Rome. The capital of Spain is Madrid.\n"
        let run = try Invocation(
            "perplexity", "--precision", "compare", "--window", "16", "--json", "--adapter", "bash", input: Data(text.utf8))
        #expect(run.status == 0, "\(run.errors)")
        let json = try run.json()
        let perplexity = try #require(json["perplexity"] as? Double)
        let reference = try #require(json["reference"] as? [String: Double])
        #expect(perplexity > 1 && perplexity < 1000)
        #expect(abs(try #require(reference["ratio"]) - 1) < 0.1)
        #expect(try #require(reference["mean_kl"]) > 0)
        #expect(json["windows"] as? Int == 2)
        #expect(json["adapter"] as? String == "bash")
        let int8 = try Invocation("perplexity", "--kv-cache", "int8", "--tokens", "20", input: Data(text.utf8))
        #expect(int8.status == 0, "\(int8.errors)")
        #expect(int8.output.hasPrefix("perplexity ") && int8.output.hasSuffix(" over 19 tokens\n"))
        #expect(try Invocation("perplexity", input: Data("a".utf8)).status == 2)
        #expect(try Invocation("perplexity", "no-such-file").status == 2)
    }

    @Test func aConversationShowsTheAdapterOfEachTurn() throws {
        let turns = "list all files larger than 10 MB under /var\n/adapter ../x\n/adapter base\nHello\n/nope\n/exit\nnever\n"
        let run = try Invocation("chat", "--max-tokens", "6", input: Data(turns.utf8))
        #expect(run.status == 0)
        let lines = run.output.split(separator: "\n")
        #expect(lines.first?.hasPrefix("[bash 0.") == true, "\(lines)")
        #expect(run.output.contains("[base] "))
        #expect(run.errors.contains("cannot name an adapter"))
        #expect(run.errors.contains("/nope"))
    }
}
