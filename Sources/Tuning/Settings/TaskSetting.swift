/// A setting of one tuning task. Its name is that of the flag and of the key in a task file.
public enum TaskSetting: String, CaseIterable, Sendable {
    case data
    case fields
    case query
    case heldOut = "held-out"
    case heldOutShare = "held-out-share"
    case skipBroken = "skip-broken"
    case out
    case description
    case element

    case start = "from"
    case family
    case rank
    case alpha
    case targets
    case trainedTokens = "trained-tokens"
    case experts
    case chosenExperts = "chosen-experts"
    case balance
    case dropout

    case objective
    case loss
    case beta
    case gamma
    case labelSmoothing = "label-smoothing"
    case supervisedWeight = "sft-weight"
    case desirableWeight = "desirable-weight"
    case undesirableWeight = "undesirable-weight"

    case optimiser
    case rate
    case loraPlusRatio = "lora-plus-ratio"
    case weightDecay = "weight-decay"
    case schedule
    case warmup
    case clip

    case epochs
    case maxSteps = "max-steps"
    case batch
    case accumulation
    case microBatchTokens = "micro-batch-tokens"
    case maxTokens = "max-tokens"
    case trainOn = "train-on"
    case system
    case seed
    case patience
    case evalSteps = "eval-steps"

    /// The setting of a name or of one of its other names; a hyphen may be an underscore.
    public init?(named name: String) {
        let spelling = name.lowercased().replacing("_", with: "-")
        guard let setting = TaskSetting(rawValue: spelling) ?? Self.otherNames[spelling.replacing("-", with: "_")] else { return nil }
        self = setting
    }

    /// Names in the files of Axolotl, PEFT, transformers and TRL.
    public static let otherNames: [String: TaskSetting] = [
        "adapter": .family, "r": .rank, "lora_r": .rank, "lora_dropout": .dropout, "vera_dropout": .dropout, "lora_alpha": .alpha, "target_modules": .targets, "trainable_token_indices": .trainedTokens,
        "lora_target_modules": .targets, "num_experts": .experts, "top_k": .chosenExperts, "router_aux_loss_coef": .balance,
        "rl": .objective, "loss_type": .loss, "simpo_gamma": .gamma, "cpo_alpha": .supervisedWeight, "optimizer": .optimiser,
        "optim": .optimiser, "lr": .rate, "learning_rate": .rate, "loraplus_lr_ratio": .loraPlusRatio, "lr_scheduler": .schedule,
        "lr_scheduler_type": .schedule, "warmup_ratio": .warmup, "warmup_steps": .warmup, "max_grad_norm": .clip, "num_epochs": .epochs,
        "num_train_epochs": .epochs, "batch_size": .batch, "micro_batch_size": .batch, "per_device_train_batch_size": .batch,
        "gradient_accumulation_steps": .accumulation, "sequence_len": .maxTokens, "cutoff_len": .maxTokens, "max_length": .maxTokens,
        "val_set_size": .heldOutShare, "early_stopping_patience": .patience, "system_message": .system, "output_dir": .out,
    ]

    /// What it does; for help texts.
    public var summary: String {
        switch self {
        case .data: "examples: JSON lines, a JSON array, CSV with the names of its columns, or a SQLite file"
        case .fields: "other names of fields in the data, such as `prompt=question,completion=answer`"
        case .query: "the query that gives the rows, where the data are a SQLite file"
        case .heldOut: "a file of examples to measure on; they are not trained"
        case .heldOutShare: "the share of the data to hold out and measure on, 0 to 0.5, or from 1 a number of rows; not with --held-out"
        case .skipBroken: "`true` goes on without rows that cannot be read"
        case .out: "the adapter's folder; it must not exist"
        case .description: "what the adapter does, in a sentence: the router compares requests with it"
        case .element: "how weights are stored: f32 or bf16"
        case .start: "an adapter's folder to tune further: family, rank, alpha and targets are its own"
        case .family: "the kind of adapter: lora, rslora, dora, ia3, vera, or the mixtures mixlora, mola, loramoe"
        case .rank: "the rank, 1 to 1024; not of ia3"
        case .alpha: "the factor before B A is alpha / rank (rslora: alpha / sqrt(rank)); not of ia3 and vera"
        case .targets: "linear maps to change, with commas: q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj; or `all`"
        case .trainedTokens: "tokens whose rows of the embedding are trained as well, by their numbers with commas; of lora, rslora and dora"
        case .experts: "the experts of a mixture's router, 2 to 64"
        case .chosenExperts: "how many experts a token has, of mixlora and mola"
        case .balance: "the weight of the loss that spreads tokens over experts, of mixtures"
        case .dropout: "the share of the inputs of A that training drops, 0 to 0.9, for sft; not of ia3"
        case .objective: "what is minimised: sft (answers); dpo, cpo, simpo, orpo (chosen and rejected answers); kto (answers with a label)"
        case .loss: "the form of dpo (sigmoid, conservative, robust, hinge, ipo, sigmoid_norm) or cpo (sigmoid, hinge, ipo, simpo)"
        case .beta: "how strongly preferences are held to the start; not of sft"
        case .gamma: "the margin that simpo wants"
        case .labelSmoothing: "the share of pairs that may be labelled the wrong way round, for dpo and cpo"
        case .supervisedWeight: "the weight of the chosen answers' likelihood, for dpo and cpo"
        case .desirableWeight: "the weight of good answers, for kto"
        case .undesirableWeight: "the weight of bad answers, for kto"
        case .optimiser: "the optimiser: adamw or adafactor"
        case .rate: "the highest learning rate"
        case .loraPlusRatio: "the learning rate of B as a multiple of A's (LoRA+)"
        case .weightDecay: "the share of a weight that a step of learning rate 1 takes away"
        case .schedule: "how the learning rate goes on after the warm-up: constant, linear or cosine"
        case .warmup: "steps in which the learning rate rises; below 1 a share of all steps"
        case .clip: "the greatest norm of a step's gradients; 0 does not clip"
        case .epochs: "times that all examples are seen"
        case .maxSteps: "ends the run after so many steps"
        case .batch: "examples of a step"
        case .accumulation: "multiplies the batch, as other tools count it"
        case .microBatchTokens: "tokens that go through the model at once, which the memory depends on"
        case .maxTokens: "tokens of an example; what is longer loses its end"
        case .trainOn: "what is learnt: `answers`, or `all` tokens"
        case .system: "a system message for conversations without one"
        case .seed: "of the start, of the order and of what is held out"
        case .patience: "measurements of the held-out loss without improvement that end the run"
        case .evalSteps: "steps between measurements of the held-out loss"
        }
    }

    /// What is in force where it is not given.
    public var defaultValue: String? {
        switch self {
        case .data, .fields, .query, .start, .heldOut, .trainedTokens, .system, .maxSteps, .patience, .loraPlusRatio: nil
        case .heldOutShare: "0.05"
        case .skipBroken: "false"
        case .out: "NAME in the adapters folder"
        case .description: "names the data"
        case .element: "f32"
        case .family: "lora"
        case .rank: "16; vera: 256, mola: 10, loramoe: 24"
        case .alpha: "twice the rank"
        case .targets: "all; ia3: k_proj,v_proj,down_proj; loramoe: gate_proj,up_proj,down_proj"
        case .experts: "8; loramoe: 6"
        case .chosenExperts: "2"
        case .balance: "mixlora: 0.001, others: 0"
        case .dropout: "0"
        case .objective: "what the data are for: sft, dpo or kto"
        case .loss: "sigmoid"
        case .beta: "0.1; simpo: 2"
        case .gamma: "0.5"
        case .labelSmoothing, .weightDecay: "0"
        case .supervisedWeight: "dpo: 0, cpo: 1"
        case .desirableWeight, .undesirableWeight, .accumulation, .clip: "1"
        case .optimiser: "adamw"
        case .rate: "5e-4; preferences: 5e-5"
        case .schedule: "cosine"
        case .warmup: "0.05"
        case .epochs: "3; preferences: 1"
        case .batch: "8"
        case .microBatchTokens: "2048, or twice --max-tokens"
        case .maxTokens: "1024"
        case .trainOn: "answers"
        case .seed: "0"
        case .evalSteps: "once an epoch"
        }
    }
}
