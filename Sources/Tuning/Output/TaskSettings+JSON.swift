public import JSON
import Models

extension TaskSettings {
    /// All settings: what `tuning.json` shows, and what a checkpoint compares. Equal settings give equal documents.
    public var document: JSONObject {
        [
            "recipe": .object(recipe.document),
            "objective": .object(objective.document),
            "optimiser": .object(method.document),
            "rates": [
                "learning_rate": .number(rates.rate), "loraplus_lr_ratio": .optional(rates.loraPlusRatio),
                "loraplus_lr_embedding": .number(rates.embeddingRate), "weight_decay": .number(rates.weightDecay),
            ],
            "schedule": .string(schedule.rawValue), "warmup": .number(warmup), "epochs": .number(epochs),
            "max_steps": .optional(mostSteps), "examples": .count(examples), "micro_batch_tokens": .count(microBatchTokens),
            "max_grad_norm": .optional(maximumNorm), "eval_steps": .optional(evaluationInterval),
            "early_stopping_patience": .optional(patience), "seed": .seed(seed),
        ]
    }
}

extension AdapterRecipe {
    var document: JSONObject {
        [
            "family": .string(family.rawValue), "rank": .count(rank), "alpha": .number(alpha),
            "targets": .array(Self.names(targets)), "feedforward_targets": .array(Self.names(feedForwardTargets)),
            "initial_rank_factor": .single(initialRankFactor), "trained_tokens": .array(trainedTokens.map { .integer(Int64($0)) }),
            "experts": .count(experts), "top_k": .count(chosenExperts), "router_aux_loss_coef": .number(balanceCoefficient), "dropout": .number(dropout),
            "seed": .seed(seed),
        ]
    }

    private static func names(_ targets: Set<Projection>) -> [JSONValue] {
        Projection.allCases.filter(targets.contains).map { .string($0.moduleName) }
    }
}

extension Objective {
    var document: JSONObject {
        var document: JSONObject = ["name": .string(name)]
        let own: JSONObject =
            switch self {
            case .supervised: [:]
            case .dpo(let dpo):
                [
                    "loss": .string(dpo.loss.rawValue), "beta": .number(dpo.beta), "label_smoothing": .number(dpo.labelSmoothing),
                    "sft_weight": .number(dpo.supervisedWeight),
                ]
            case .cpo(let cpo):
                [
                    "loss": .string(cpo.loss.rawValue), "beta": .number(cpo.beta), "label_smoothing": .number(cpo.labelSmoothing),
                    "cpo_alpha": .number(cpo.likelihoodWeight), "simpo_gamma": .number(cpo.simpoGamma),
                ]
            case .orpo(let orpo): ["beta": .number(orpo.beta)]
            case .kto(let kto):
                [
                    "beta": .number(kto.beta), "desirable_weight": .number(kto.desirableWeight),
                    "undesirable_weight": .number(kto.undesirableWeight),
                ]
            }
        for (key, value) in own { document[key] = value }
        return document
    }
}

extension Optimiser.Method {
    var document: JSONObject {
        switch self {
        case .adamW(let adam):
            [
                "name": "adamw", "adam_beta1": .number(adam.beta1), "adam_beta2": .number(adam.beta2),
                "adam_epsilon": .number(adam.epsilon),
            ]
        case .adafactor: ["name": "adafactor"]
        }
    }
}
