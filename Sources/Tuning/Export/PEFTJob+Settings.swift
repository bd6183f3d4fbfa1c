import JSON
import Models

/// `job.json`: the settings in the words of PEFT, transformers and TRL.
extension PEFTJob {
    static let trlVersion = "1.16.0"

    /// Versions that the script was tried with.
    static let requirements = """
        # For a GPU, install the build of torch that fits it first: https://pytorch.org/get-started/locally/
        torch==2.13.0
        transformers==5.24.0
        peft==\(AdapterRecipe.peftVersion)
        trl==\(trlVersion)
        datasets==5.2.0
        accelerate==1.15.0
        safetensors==0.8.0
        # To read a base in GGUF.
        gguf==0.19.0
        sentencepiece==0.2.3

        """

    /// MoE-PEFT asks for a torch below 2.6, and works with this one; so it is installed apart.
    static let mixtureRequirements = """
        # Then: pip install --no-deps moe_peft==2.0.2
        # For a GPU, install the build of torch that fits it first: https://pytorch.org/get-started/locally/
        torch==2.13.0
        transformers==4.46.3
        huggingface_hub==0.26.5
        datasets==2.21.0
        evaluate==0.4.6
        accelerate==1.15.0
        safetensors==0.8.0
        # To read a base in GGUF.
        gguf==0.19.0
        sentencepiece==0.2.3

        """

    var document: JSONObject {
        [
            "format": 1, "name": .string(name),
            "base": [
                "name": .string(base.identity.name), "identity": .string(base.identity.identity), "path": .string(base.path),
                "vocabulary": .count(base.vocabulary),
            ],
            "trainer": .string(trainer), "arguments": .object(arguments), "adapter": .object(adapter),
            "continues": start.map(JSONValue.string) ?? .null, "examples": .count(settings.examples),
            "micro_batch_tokens": .count(settings.microBatchTokens), "eval_steps": .optional(settings.evaluationInterval),
            "early_stopping_patience": .optional(settings.patience), "loraplus_lr_ratio": .optional(settings.rates.loraPlusRatio),
            "loraplus_lr_embedding": .number(settings.rates.embeddingRate), "settings": .object(settings.document),
        ]
    }

    /// As `adapter_config.json`, without what says nothing or where it comes from.
    private var adapter: JSONObject {
        let ignored: Set<String> = ["base_model_name_or_path", "inference_mode", "peft_version", "megatron_core"]
        let own = settings.recipe.configuration(base: base.identity.name).sortedByKey.filter { !ignored.contains($0.key) && $0.value != .null }
        return JSONObject(own.map { ($0.key, $0.value) })
    }

    private var trainer: String {
        switch settings.objective {
        case .supervised: settings.recipe.family.isMixture ? "moe_peft" : "sft"
        case .dpo: "dpo"
        case .cpo: "cpo"
        case .orpo: "orpo"
        case .kto: "kto"
        }
    }

    /// Of the trainer's configuration.
    private var arguments: JSONObject {
        let total = settings.totalSteps(exampleCount: data.training.examples.count)
        var arguments: JSONObject = [
            "learning_rate": .number(settings.rates.rate), "weight_decay": .number(settings.rates.weightDecay),
            "lr_scheduler_type": .string(settings.schedule == .constant ? "constant_with_warmup" : settings.schedule.rawValue),
            "warmup_steps": .count(total == 1 ? 0 : settings.warmup), "num_train_epochs": .number(settings.epochs),
            "max_steps": settings.mostSteps == nil ? -1 : .count(total), "max_grad_norm": .number(settings.maximumNorm ?? 0),
            "seed": .seed(settings.seed),
        ]
        switch settings.method {
        case .adamW(let adam):
            arguments["optim"] = "adamw_torch"
            arguments["adam_beta1"] = .number(adam.beta1)
            arguments["adam_beta2"] = .number(adam.beta2)
            arguments["adam_epsilon"] = .number(adam.epsilon)
        case .adafactor: arguments["optim"] = "adafactor"
        }
        for (key, value) in objective { arguments[key] = value }
        return arguments
    }

    private var objective: JSONObject {
        switch settings.objective {
        case .supervised: ["loss_type": "nll"]
        case .dpo(let dpo):
            [
                "beta": .number(dpo.beta), "label_smoothing": .number(dpo.labelSmoothing),
                "loss_type": .array(dpoLosses(dpo)), "loss_weights": dpo.supervisedWeight > 0 ? [1, .number(dpo.supervisedWeight)] : [1],
            ]
        case .cpo(let cpo):
            [
                "beta": .number(cpo.beta), "label_smoothing": .number(cpo.labelSmoothing), "loss_type": .string(cpo.loss.rawValue),
                "cpo_alpha": .number(cpo.likelihoodWeight), "simpo_gamma": .number(cpo.simpoGamma),
            ]
        case .orpo(let orpo): ["beta": .number(orpo.beta)]
        case .kto(let kto):
            [
                "beta": .number(kto.beta), "desirable_weight": .number(kto.desirableWeight),
                "undesirable_weight": .number(kto.undesirableWeight), "loss_type": "kto",
            ]
        }
    }

    /// Without label smoothing `conservative` is `sigmoid`.
    private func dpoLosses(_ dpo: DPO) -> [JSONValue] {
        let name = dpo.loss == .conservative ? DPO.Loss.sigmoid.rawValue : dpo.loss.rawValue
        return [.string(name)] + (dpo.supervisedWeight > 0 ? ["sft"] : [])
    }

    var mixtureGuide: String {
        """
        # Tuning \(name) with MoE-PEFT

        `lmoe tune --export peft` wrote this folder. It holds the rows as tokens (`train.jsonl`, `held_out.jsonl`), the settings (`job.json`)
        and a script that tunes the same mixture with MoE-PEFT's model, on a GPU or on a CPU:

            pip install -r requirements.txt
            pip install --no-deps moe_peft==2.0.2
            python train.py

        \(guideEnd)
        """
    }

    var guide: String {
        """
        # Tuning \(name) with PEFT and TRL

        `lmoe tune --export peft` wrote this folder. It holds the rows as tokens (`train.jsonl`, `held_out.jsonl`), the settings (`job.json`)
        and a script that tunes the same adapter with PEFT and TRL, on a GPU or on a CPU:

            pip install -r requirements.txt
            python train.py

        \(guideEnd)
        """
    }

    private var guideEnd: String {
        """
        The adapter's folder is then `result/\(name)`. Put it into the adapters folder of `lmoe serve`: `route.yaml` goes with it.

        The base was \(base.identity.name) (`\(base.path)`). `--base` names another place of it: a GGUF file, a folder, or a repository of
        Hugging Face. It must have the same vocabulary; with other weights (a GGUF file is rounded) the result differs a little.
        `--type bf16` computes in bf16, `--device-batch N` puts N examples through the model at once.

        Tokens and targets are those that `lmoe tune` would train. Order of the rows and start of the weights are drawn by other generators,
        so the result differs from that of `lmoe tune` as two seeds do.

        """
    }
}
