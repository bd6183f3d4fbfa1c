import JSON

/// The model card of a tuned adapter: `README.md`.
struct AdapterCard {
    let name: String
    let task: TuningTask
    let record: TuningRecord
    let element: AdapterFolderWriter.Element

    var text: String {
        ([frontMatter, "# \(name)", paragraph(record.description)] + [tuning, data, use]).joined(separator: "\n\n") + "\n"
    }

    private var frontMatter: String {
        """
        ---
        base_model: \(JSONValue.string(record.base.name).serialized())
        library_name: peft
        pipeline_tag: text-generation
        tags: [\(task.settings.recipe.family.rawValue), lmoe]
        ---
        """
    }

    private var tuning: String {
        let (settings, recipe) = (task.settings, task.settings.recipe)
        var rows: [(String, String)] = [
            ("base", "`\(code(record.base.name))` (\(record.base.identity))"), ("adapter", sizes(recipe)),
            ("changes", recipe.targets.map(\.moduleName).sorted().joined(separator: ", ")),
            ("parameters", "\(task.adapter.parameters.count), \(element.rawValue)"), ("objective", objective(settings.objective)),
            ("optimiser", "\(settings.method.name), learning rate \(number(settings.rates.rate)), \(settings.schedule.rawValue)"),
            ("batch", "\(settings.examples) examples a step"),
            ("steps", "\(task.step) of \(task.totalSteps), \(number(rounded(task.epoch))) epochs, \(task.trainedTokens) tokens"),
        ]
        if let loss = record.history.training.last?.loss { rows.append(("training loss", number(rounded(loss)))) }
        if let best = task.bestEvaluation {
            let base = record.history.baseLoss.map { ", the base alone \(number(rounded($0)))" } ?? ""
            rows.append(("held-out loss", "\(number(rounded(best.loss))) after step \(best.step)\(base)"))
        }
        rows.append(("tuned", "\(paragraph(record.date)), by `lmoe tune`"))
        let lines = ["| | |", "| --- | --- |"] + rows.map { "| \($0.0) | \($0.1) |" }
        return "## How it was tuned\n\n" + lines.joined(separator: "\n")
            + "\n\nAll settings, scores and curves are in [tuning.json](tuning.json)."
    }

    private var data: String {
        let files = record.sources.map { "- `\(code($0.name))`: \($0.rows) rows, BLAKE3 `\($0.digest.hexadecimal)`" }
        let counts = "\(task.training.examples.count) examples were trained, \(task.heldOut.examples.count) held out."
        return (["## Data", "", counts] + (files.isEmpty ? [] : [""] + files)).joined(separator: "\n")
    }

    private var use: String {
        let serving = """
            ## Use

            Put the folder into the adapters folder of a running `lmoe serve`: requests with `"model": "\(name)"` get it, and the router
            chooses it by [route.yaml](route.yaml).
            """
        if task.settings.recipe.family.isMixture { return serving + " The layout is that of MoE-PEFT, in safetensors." }
        return serving + """
         With PEFT, on the Hugging Face checkpoint that the base `\(code(record.base.name))` was made from:

        ```python
        from peft import PeftModel
        from transformers import AutoModelForCausalLM

        base = AutoModelForCausalLM.from_pretrained("ORGANISATION/CHECKPOINT")
        model = PeftModel.from_pretrained(base, "\(name)")
        ```
        """
    }

    private func sizes(_ recipe: AdapterRecipe) -> String {
        switch recipe.family {
        case .lora: "LoRA, rank \(recipe.rank), alpha \(number(recipe.alpha))"
        case .rslora: "rsLoRA, rank \(recipe.rank), alpha \(number(recipe.alpha))"
        case .dora: "DoRA, rank \(recipe.rank), alpha \(number(recipe.alpha))"
        case .ia3: "IA3"
        case .vera: "VeRA, rank \(recipe.rank)"
        case .mixlora: "MixLoRA, \(experts(recipe)), \(recipe.chosenExperts) chosen"
        case .mola: "MoLA, \(experts(recipe)), \(recipe.chosenExperts) chosen"
        case .loramoe: "LoRAMoE, \(experts(recipe))"
        }
    }

    private func experts(_ recipe: AdapterRecipe) -> String {
        "\(recipe.experts) experts of rank \(recipe.rank), alpha \(number(recipe.alpha))"
    }

    private func objective(_ objective: Objective) -> String {
        let parts = objective.document.map { key, value in
            key == "name" ? value.stringValue ?? "" : "\(key) \(value.stringValue ?? value.serialized())"
        }
        return parts.joined(separator: ", ")
    }

    /// Whole numbers without a fraction.
    private func number(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }

    /// Four digits behind the point.
    private func rounded(_ value: Double) -> Double { value.isFinite ? (value * 10_000).rounded() / 10_000 : value }

    /// On one line.
    private func paragraph(_ text: String) -> String {
        text.split { $0.isWhitespace || $0.isNewline }.joined(separator: " ")
    }

    /// As it may stand between backticks in a table.
    private func code(_ text: String) -> String {
        String(text.unicodeScalars.map { $0 == "`" || $0 == "|" || $0.properties.generalCategory == .control ? "_" : Character($0) })
    }
}

extension Optimiser.Method {
    var name: String {
        switch self {
        case .adamW: "AdamW"
        case .adafactor: "Adafactor"
        }
    }
}
