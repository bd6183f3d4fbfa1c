import Foundation
import TestSupport
import Testing

/// `lmoe eval` on a base of two small layers, and on the models that ship.
@Suite struct EvalTests {
    private func candidate(_ run: Invocation, _ name: String) throws -> [String: [String: Any]] {
        let candidates = try #require(try run.json()["candidates"] as? [[String: Any]])
        let found = try #require(candidates.first { $0["name"] as? String == name })
        return try #require(found["measures"] as? [String: [String: Any]])
    }

    /// An adapter that was tuned on the rows has the loss that tuning reported, and is better than the base.
    @Test(arguments: ["lora", "dora", "mixlora"])
    func theLossIsThatOfTuning(family: String) throws {
        let tiny = try TinyBase()
        defer { tiny.remove() }
        let data = try tiny.write("sums.jsonl", TinyBase.sums(12))
        let tuned = try Invocation(
            "tune", "sums", "--data", data, "--held-out", data, "--json", "--family", family, "--epochs", "8", "--rate", "0.02", "--batch", "4",
            "--rank", "4", environment: tiny.environment)
        #expect(tuned.status == 0, "\(tuned.errors)")
        let line = try #require(tuned.output.split(separator: "\n").last)
        let result = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        let page = tiny.path("page.html")
        let run = try Invocation(
            "eval", data, "--adapter", "sums", "--metrics", "loss,exact,f1", "--json", "--html", page, environment: tiny.environment)
        #expect(run.status == 0, "\(run.errors)")
        let (base, own) = (try candidate(run, "base"), try candidate(run, "sums"))
        #expect(try run.json()["likelihoods"] as? String == "tuning")
        for (measures, key) in [(base, "base_held_out_loss"), (own, "held_out_loss")] {
            let loss = try #require(measures["loss"]?["value"] as? Double)
            let reported = try #require(result[key] as? Double)
            #expect(abs(loss - reported) < 1e-6 * reported, "\(key): \(loss) \(reported)")
            let perplexity = try #require(measures["perplexity"]?["value"] as? Double)
            #expect(abs(perplexity - exp(loss)) < 1e-9 * perplexity)
        }
        #expect(own["loss"]?["verdict"] as? String == "better" && own["loss"]?["rows"] as? Int == 12)
        #expect((own["loss"]?["difference_interval"] as? [Double])?.max() ?? 1 < 0)
        #expect(base["exact"]?["value"] is Double && base["loss"]?["difference"] is NSNull)
        let examples = try #require(try run.json()["examples"] as? [[String: Any]])
        #expect(examples.count == 6 && Set(examples.compactMap { $0["kind"] as? String }) == ["worst", "best"])
        let text = try String(contentsOfFile: page, encoding: .utf8)
        #expect(text.contains("<svg") && text.contains("held-out loss") && text.hasSuffix("</html>\n"))
    }

    @Test func choicesAndPreferencesAreComparedByTheirLikelihood() throws {
        let tiny = try TinyBase()
        defer { tiny.remove() }
        let rows = (0..<8).map { ["prompt": "Say \($0):", "choices": ["yes \($0)", "no"], "answer": $0 % 2] as [String: Any] }
        let data = try tiny.write("choices.jsonl", rows)
        let tuned = try Invocation(
            "tune", "right", "--data", data, "--held-out-share", "0", "--epochs", "30", "--rate", "0.02", "--rank", "8",
            environment: tiny.environment)
        #expect(tuned.status == 0, "\(tuned.errors)")
        let run = try Invocation("eval", data, "--adapter", "right", "--json", environment: tiny.environment)
        #expect(run.status == 0, "\(run.errors)")
        let own = try candidate(run, "right")
        let (raw, byLength) = (try #require(own["acc"]?["value"] as? Double), try #require(own["acc_norm"]?["value"] as? Double))
        #expect(raw >= 0.75 && byLength >= 0.5, "\(raw) \(byLength)")
        #expect(own["loss"] != nil && own["exact"] == nil, "the data choose the metrics")
        #expect(try run.json()["max_tokens"] is NSNull)
        let pairs = try tiny.write("pairs.jsonl", (0..<5).map { ["prompt": "p\($0)", "chosen": "yes \($0)", "rejected": "no \($0)"] })
        let preferences = try Invocation("eval", pairs, "--json", environment: tiny.environment)
        #expect(preferences.status == 0, "\(preferences.errors)")
        #expect(try candidate(preferences, "base")["acc"]?["rows"] as? Int == 5)
    }

    @Test func whatIsWrongIsNamedWithTheNextStep() throws {
        let tiny = try TinyBase()
        defer { tiny.remove() }
        let data = try tiny.write("sums.jsonl", TinyBase.sums(4))
        func errors(_ arguments: String..., status: Int32 = 2) throws -> String {
            let run = try Invocation(["eval"] + arguments, environment: tiny.environment)
            #expect(run.status == status, "\(arguments): \(run.errors)")
            #expect(run.output.isEmpty)
            return run.errors
        }
        #expect(try errors(data, "--metrics", "bleu").contains("found `bleu`"))
        #expect(try errors(data, "--metrics", "sql").contains("--sql-database"))
        #expect(try errors(data, "--metrics", "choice").contains("`choices`"))
        #expect(try errors(data, "--adapter", "auto").contains("routes each request"))
        #expect(try errors(data, "--limit", "0").contains("--limit"))
        #expect(try errors(data, "--fields", "prompt").contains("--fields"))
        #expect(try errors(data, "--sql-database", data).contains("not a whole SQLite database"))
        #expect(try errors(data, "--adapter", "none", status: 1).contains("there is no adapter `none`"))
        #expect(try errors(tiny.path("no.jsonl"), status: 1).contains("no.jsonl"))
        let unwritable = try Invocation(
            "eval", data, "--metrics", "loss", "--html", tiny.path("nowhere/page.html"), environment: tiny.environment)
        #expect(unwritable.status == 1 && unwritable.errors.contains("nowhere/page.html: the page cannot be written"))
        #expect(unwritable.output.contains("held-out loss"), "the result is not lost")
        let broken = tiny.path("broken.jsonl")
        try Data("{\"prompt\": \"a\", \"completion\": \"b\"}\n{\"prompt\": 1}\n".utf8).write(to: URL(fileURLWithPath: broken))
        #expect(try errors(broken, status: 1).contains("broken.jsonl:2"))
        let skipped = try Invocation("eval", broken, "--skip-broken", "--max-tokens", "2", environment: tiny.environment)
        #expect(skipped.status == 0 && skipped.output.contains("1 of 2 rows") && skipped.output.contains("note: 1 rows cannot be read"))
    }

    /// The real base with two adapters in one batch, and queries that are run.
    @Test func queriesOfRealAdaptersAreRun() throws {
        let tiny = try TinyBase()
        defer { tiny.remove() }
        let rows = [("list the names", "SELECT name FROM t"), ("how many are there", "SELECT COUNT(*) FROM t"), ("what", "SELECT x FROM nothing")]
        let data = try tiny.write("queries.jsonl", rows.map { ["prompt": $0.0, "completion": $0.1] })
        let run = try Invocation(
            "eval", data, "--adapter", "sql", "--adapter", "bash", "--sql-database", "Tests/SQLiteTests/Fixtures/small.sqlite",
            "--max-tokens", "12", "--examples", "1")
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.contains("SQL execution") && run.output.contains("bash: worst by SQL execution"))
        #expect(run.output.contains("1 expected queries do not run on the database") && run.output.contains("line 3"))
        let answer = try #require(run.output.split(separator: "\n").first { $0.hasPrefix("  sql (") })
        #expect(answer.contains("SELECT"), "\(answer)")
    }
}
