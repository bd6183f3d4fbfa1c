import Foundation
import TestSupport
import Testing

/// `lmoe tune` on a base of two small layers.
@Suite struct TuneTests {
    private func events(_ run: Invocation) throws -> [[String: Any]] {
        try run.output.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
    }

    @Test(arguments: ["lora", "dora", "ia3", "vera", "mixlora", "mola", "loramoe"])
    func examplesBecomeAFolderThatServes(family: String) throws {
        let tiny = try TinyBase()
        defer { tiny.remove() }
        let data = try tiny.write("sums.jsonl", TinyBase.sums(12))
        var arguments = [
            "tune", "sums", "--data", data, "--json", "--family", family, "--epochs", "2", "--batch", "4", "--rate", "0.01",
            "--warmup", "0", "--held-out-share", "2",
        ]
        if family != "ia3" { arguments += ["--rank", "4"] }
        let run = try Invocation(arguments, environment: tiny.environment)
        #expect(run.status == 0, "\(run.errors)")
        let events = try events(run)
        #expect(events.first?["event"] as? String == "data" && events.last?["event"] as? String == "written")
        let steps = events.filter { $0["event"] as? String == "step" }
        #expect(steps.count == 6)
        #expect(steps.allSatisfy { $0["loss"] is Double && ($0["learning_rate"] as? Double ?? -1) >= 0 })
        let measured = events.filter { $0["event"] as? String == "evaluation" }
        #expect(measured.count == 2, "once an epoch")
        let last = try #require(events.last)
        let (best, base) = (try #require(last["held_out_loss"] as? Double), try #require(last["base_held_out_loss"] as? Double))
        #expect(best < base)
        let check = try Invocation(
            "adapters", "check", "--json", "--no-compare", tiny.path("adapters/sums"), environment: tiny.environment)
        #expect(check.status == 0, "\(check.output)\(check.errors)")
        #expect(try check.json()["takes_effect"] as? Bool == true)
    }

    @Test func preferencesAreTunedByTheirShape() throws {
        let tiny = try TinyBase()
        defer { tiny.remove() }
        let rows = (0..<6).map { ["prompt": "Name \($0)", "chosen": " Yes, \($0).", "rejected": " No."] }
        let data = try tiny.write("pairs.jsonl", rows)
        let run = try Invocation(
            "tune", "polite", "--data", data, "--json", "--rank", "2", "--batch", "3", "--held-out-share", "0",
            environment: tiny.environment)
        #expect(run.status == 0, "\(run.errors)")
        let events = try events(run)
        let start = try #require(events.first { $0["event"] as? String == "start" })
        let settings = ((start["tasks"] as? [[String: Any]])?.first?["settings"] as? [String: Any])?["objective"] as? [String: Any]
        #expect(settings?["name"] as? String == "dpo")
        let first = try #require(events.first { $0["event"] as? String == "step" })
        #expect(abs((first["loss"] as? Double ?? 0) - 0.6931) < 0.01, "policy and reference are the same before the first step")
    }

    @Test func anAdapterIsTunedFurther() throws {
        let tiny = try TinyBase()
        defer { tiny.remove() }
        let data = try tiny.write("sums.jsonl", TinyBase.sums(12))
        let settings = ["--data", data, "--json", "--epochs", "2", "--rate", "0.01", "--held-out-share", "2"]
        let first = try Invocation(["tune", "one", "--rank", "3"] + settings, environment: tiny.environment)
        #expect(first.status == 0, "\(first.errors)")
        let second = try Invocation(["tune", "two", "--from", tiny.path("adapters/one")] + settings, environment: tiny.environment)
        #expect(second.status == 0, "\(second.errors)")
        let losses = try [first, second].map { run in
            try #require(try events(run).first { $0["event"] as? String == "step" }?["loss"] as? Double)
        }
        #expect(losses[1] < losses[0], "it begins where the first ended")
        let configuration = try JSONSerialization.jsonObject(
            with: Data(contentsOf: URL(fileURLWithPath: tiny.path("adapters/two/adapter_config.json")))) as? [String: Any]
        #expect(configuration?["r"] as? Int == 3)
    }

    @Test func aTaskIsExportedInPlaceOfARun() throws {
        let tiny = try TinyBase()
        defer { tiny.remove() }
        let data = try tiny.write("sums.jsonl", TinyBase.sums(8))
        let run = try Invocation(
            "tune", "sums", "--data", data, "--rank", "2", "--export", "peft", tiny.path("job"), environment: tiny.environment)
        #expect(run.status == 0, "\(run.errors)")
        let files = try FileManager.default.contentsOfDirectory(atPath: tiny.path("job"))
        #expect(Set(files).isSuperset(of: ["train.py", "job.json", "train.jsonl", "requirements.txt", "route.yaml"]))
        #expect(!FileManager.default.fileExists(atPath: tiny.path("adapters/sums")))
        let wrong = try Invocation("tune", "sums", "--data", data, "--export", "onnx", environment: tiny.environment)
        #expect(wrong.status == 2 && wrong.errors.contains("--export is followed by `peft`"))
    }

    @Test func aDryRunReportsAndWritesNothing() throws {
        let tiny = try TinyBase()
        defer { tiny.remove() }
        var rows = TinyBase.sums(8)
        rows.append(rows[0])
        let run = try Invocation("tune", "sums", "--data", try tiny.write("sums.jsonl", rows), "--dry-run", environment: tiny.environment)
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.contains("9 rows of `prompt`, `completion`") && run.output.contains("rows that repeat an earlier one: 1"))
        #expect(run.output.contains(" is⟦ ") && run.output.contains(".</s>⟧"), "\(run.output)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: tiny.path("adapters")).isEmpty)
    }

    @Test func anEstimateMeasuresAndWritesNothing() throws {
        let tiny = try TinyBase()
        defer { tiny.remove() }
        let data = try tiny.write("sums.jsonl", TinyBase.sums(12))
        let run = try Invocation("tune", "sums", "--data", data, "--estimate", "--json", "--rank", "2", environment: tiny.environment)
        #expect(run.status == 0, "\(run.errors)")
        let estimate = try #require(try events(run).last)
        #expect(estimate["event"] as? String == "estimate")
        for key in ["seconds", "tokens_per_second", "peak_bytes", "training_tokens", "step_tokens"] {
            #expect((estimate[key] as? Double ?? 0) > 0, "\(key)")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: tiny.path("adapters")).isEmpty)
    }

    @Test func manyTasksAreTunedTogetherFromAFile() throws {
        let tiny = try TinyBase()
        defer { tiny.remove() }
        let data = try tiny.write("sums.jsonl", TinyBase.sums(12))
        let file = tiny.path("tasks.yaml")
        try Data(
            """
            lora_r: 2
            num_epochs: 1
            batch: 6
            tasks:
            - name: one
              data: \(data)
            - name: two
              data: \(data)
              adapter: rslora
              lora_target_modules: [q_proj, v_proj]
              learning_rate: 0.001
            """.utf8
        ).write(to: URL(fileURLWithPath: file))
        let plot = tiny.path("loss.svg")
        let run = try Invocation("tune", "--config", file, "--plot", plot, environment: tiny.environment)
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.contains("wrote \(tiny.path("adapters/one"))") && run.output.contains("wrote \(tiny.path("adapters/two"))"))
        let configuration = try JSONSerialization.jsonObject(
            with: Data(contentsOf: URL(fileURLWithPath: tiny.path("adapters/two/adapter_config.json")))) as? [String: Any]
        #expect(configuration?["use_rslora"] as? Bool == true && configuration?["target_modules"] as? [String] == ["q_proj", "v_proj"])
        let picture = try String(contentsOfFile: plot, encoding: .utf8)
        #expect(picture.contains(">one</text>") && picture.contains(">two</text>") && picture.hasSuffix("</svg>\n"))
    }

    @Test func aFlagMayNameThePlaceOfTheOnlyTaskOfAFile() throws {
        let tiny = try TinyBase()
        defer { tiny.remove() }
        let data = try tiny.write("sums.jsonl", TinyBase.sums(12))
        let file = tiny.path("tasks.yaml")
        try Data("tasks:\n- name: one\n  data: \(data)\n  max-steps: 2\n  out: \(tiny.path("here"))\n".utf8).write(to: URL(fileURLWithPath: file))
        let run = try Invocation("tune", "--config", file, "--out", tiny.path("there"), environment: tiny.environment)
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.contains("wrote \(tiny.path("there"))"))
    }

    @Test func whatIsWrongIsNamedWithTheNextStep() throws {
        let tiny = try TinyBase()
        defer { tiny.remove() }
        let data = try tiny.write("sums.jsonl", TinyBase.sums(8))
        func errors(_ arguments: String..., status: Int32 = 2) throws -> String {
            let run = try Invocation(["tune"] + arguments, environment: tiny.environment)
            #expect(run.status == status, "\(arguments): \(run.errors)")
            return run.errors
        }
        #expect(try errors("sums").contains("--data FILE"))
        #expect(try errors("sums", "--data", data, "--rank", "0").contains("--rank: expected a whole number from 1 to 1024, found `0`"))
        #expect(try errors("sums", "--data", data, "--beta", "1").contains("--beta: has no effect with the objective sft"))
        #expect(try errors("sums", "--data", data, "--objective", "dpo").contains("dpo learns from chosen and rejected answers"))
        #expect(try errors("sums", "--data", tiny.path("no.jsonl"), status: 1).contains("no.jsonl"))
        #expect(try errors("sums", "--data", data, "--max-tokens", "1000").contains("context holds 256 tokens"))
        let lines = try tiny.write("long.jsonl", (0..<4).map { ["text": "line \($0) of a longer text"] })
        let long = try errors("sums", "--data", lines, "--micro-batch-tokens", "16")
        #expect(long.contains("--micro-batch-tokens: a training example of") && long.contains("a micro-batch has at most 16"), "\(long)")
        try FileManager.default.createDirectory(atPath: tiny.path("adapters/sums"), withIntermediateDirectories: false)
        #expect(try errors("sums", "--data", data).contains("--replace"))
        let broken = tiny.path("broken.jsonl")
        try Data("{\"prompt\": \"a\", \"completion\": \"b\"}\n{\"prompt\": 1}\n".utf8).write(to: URL(fileURLWithPath: broken))
        #expect(try errors("other", "--data", broken, status: 1).contains("broken.jsonl:2"))
        let tasks = tiny.path("tasks.yaml")
        try Data("tasks:\n- name: a\n  data: \(data)\n  lora_rank: 4\n".utf8).write(to: URL(fileURLWithPath: tasks))
        let twice = tiny.path("twice.yaml")
        let places = "- name: a\n  out: \(tiny.path("here"))\n- name: b\n  out: \(tiny.path("./adapters/../here"))\n"
        try Data("tasks:\n\(places.replacing("  out", with: "  data: \(data)\n  out"))".utf8).write(to: URL(fileURLWithPath: twice))
        #expect(try errors("--config", twice).contains("two tasks write"))
        #expect(try errors("--config", twice, "--out", tiny.path("there")).contains("--out goes with one task, and the file of --config has 2"))
        let settings = tiny.path("settings.yaml")
        try Data("epochs: 2\n".utf8).write(to: URL(fileURLWithPath: settings))
        #expect(try errors("--config", settings).contains("LMOE_CONFIG"))
        #expect(try errors("new", "--data", data, "--resume", status: 1).contains("no checkpoint to resume from"))
        #expect(try errors("--config", tasks).contains("tasks.yaml:4: unknown key `lora_rank`; the nearest that is known is `lora_r`"))
    }

    /// Nothing that was computed is lost when the folder cannot be written at the end.
    @Test func aResultThatCannotBeWrittenIsKept() throws {
        let tiny = try TinyBase()
        defer { tiny.remove() }
        let data = try tiny.write("sums.jsonl", TinyBase.sums(8))
        let arguments = ["tune", "sums", "--data", data, "--rank", "2", "--max-steps", "200", "--epochs", "200", "--json"]
        // Another process takes the name while the run goes on.
        let run = try interrupted(arguments, after: 3, signal: nil, tiny) {
            try FileManager.default.createDirectory(atPath: tiny.path("adapters/sums"), withIntermediateDirectories: false)
        }
        #expect(run.status == 1 && run.errors.contains("no adapter was written for sums"), "\(run.errors)")
        try FileManager.default.removeItem(atPath: tiny.path("adapters/sums"))
        let resumed = try Invocation(arguments + ["--resume"], environment: tiny.environment)
        #expect(resumed.status == 0, "\(resumed.errors)")
        let events = try events(resumed)
        #expect(events.contains { $0["event"] as? String == "written" } && !events.contains { $0["event"] as? String == "step" })
        #expect(FileManager.default.fileExists(atPath: tiny.path("adapters/sums/adapter_model.safetensors")))
    }

    private static let long = [
        "--json", "--rank", "2", "--batch", "2", "--max-steps", "240", "--epochs", "1000", "--eval-steps", "40",
        "--checkpoint-steps", "20",
    ]

    /// Ctrl-C at any time, then --resume: the weights have the bits of a run that was left alone.
    @Test func anInterruptedRunGoesOnAsIfItHadNotBeen() throws {
        let tiny = try TinyBase()
        defer { tiny.remove() }
        let data = try tiny.write("sums.jsonl", TinyBase.sums(10))
        let whole = try Invocation(["tune", "whole", "--data", data] + Self.long, environment: tiny.environment)
        #expect(whole.status == 0, "\(whole.errors)")
        let arguments = ["tune", "parts", "--data", data] + Self.long
        let first = try interrupted(arguments, after: 30, signal: SIGINT, tiny)
        #expect(first.status == 1 && first.errors.contains("Go on with: lmoe tune parts --data") && first.errors.contains("--resume"))
        let hidden = tiny.path("adapters/.parts.tuning")
        #expect(FileManager.default.fileExists(atPath: hidden))
        let anew = try Invocation(arguments, environment: tiny.environment)
        #expect(anew.status == 2 && anew.errors.contains("--resume to go on, or --restart"), "\(anew.errors)")
        // Killed, it goes on from the last checkpoint.
        _ = try interrupted(arguments + ["--resume"], after: 110, signal: SIGKILL, tiny)
        let last = try Invocation(arguments + ["--resume"], environment: tiny.environment)
        #expect(last.status == 0, "\(last.errors)")
        let start = try #require(try events(last).first { $0["event"] as? String == "start" })
        let task = try #require((start["tasks"] as? [[String: Any]])?.first)
        #expect(task["resumed"] as? Bool == true && (task["step"] as? Int ?? 0) >= 100)
        for name in ["adapter_model.safetensors", "adapter_config.json"] {
            let files = try ["whole", "parts"].map { try Data(contentsOf: URL(fileURLWithPath: tiny.path("adapters/\($0)/\(name)"))) }
            #expect(files[0] == files[1], "\(name)")
        }
        #expect(!FileManager.default.fileExists(atPath: hidden))
        let again = try Invocation(arguments + ["--resume"], environment: tiny.environment)
        #expect(again.status == 1 && again.errors.contains("nothing to go on with"), "\(again.errors)")
    }

    /// Two tasks whose run is killed, and the checkpoints of one of them are not there yet.
    @Test func aTaskWithoutACheckpointBeginsWhenTheOthersGoOn() throws {
        let tiny = try TinyBase()
        defer { tiny.remove() }
        let data = try tiny.write("sums.jsonl", TinyBase.sums(10))
        let file = tiny.path("tasks.yaml")
        try Data("tasks:\n- name: one\n  data: \(data)\n- name: two\n  data: \(data)\n".utf8).write(to: URL(fileURLWithPath: file))
        let arguments = ["tune", "--config", file, "--json", "--rank", "2", "--batch", "2", "--max-steps", "60", "--epochs", "1000"]
        _ = try interrupted(arguments, after: 5, signal: SIGINT, tiny)
        let hidden = ["one", "two"].map { tiny.path("adapters/.\($0).tuning") }
        // What is to be read is not there: --restart has deleted nothing.
        try FileManager.default.moveItem(atPath: data, toPath: data + ".away")
        let unread = try Invocation(arguments + ["--restart"], environment: tiny.environment)
        #expect(unread.status == 1)
        for folder in hidden { #expect(try !FileManager.default.contentsOfDirectory(atPath: folder).isEmpty) }
        try FileManager.default.moveItem(atPath: data + ".away", toPath: data)
        try FileManager.default.removeItem(atPath: hidden[1])
        let resumed = try Invocation(arguments + ["--resume"], environment: tiny.environment)
        #expect(resumed.status == 0, "\(resumed.errors)")
        let start = try #require(try events(resumed).first { $0["event"] as? String == "start" })
        #expect((start["tasks"] as? [[String: Any]])?.map { $0["resumed"] as? Bool } == [true, false])
        for name in ["one", "two"] { #expect(FileManager.default.fileExists(atPath: tiny.path("adapters/\(name)/adapter_config.json"))) }
    }

    /// Runs until a step's event is there, then does what is to be done then and sends the signal.
    private func interrupted(
        _ arguments: [String], after step: Int, signal: Int32?, _ tiny: TinyBase, _ body: () throws -> Void = {}
    ) throws -> (status: Int32, errors: String) {
        let process = Invocation.process(arguments, environment: tiny.environment)
        let (output, errors) = (Pipe(), tiny.folder.appendingPathComponent("errors.txt"))
        try Data().write(to: errors)
        process.standardOutput = output
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        var text = ""
        while !text.contains("\"step\":\(step),") {
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { break }
            text += String(decoding: more, as: UTF8.self)
        }
        try body()
        if let signal { kill(process.processIdentifier, signal) }
        // A pipe that nobody reads would stop the process.
        _ = try output.fileHandleForReading.readToEnd()
        process.waitUntilExit()
        return (process.terminationStatus, try String(contentsOf: errors, encoding: .utf8))
    }
}
