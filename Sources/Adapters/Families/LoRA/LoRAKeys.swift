/// The keys of PEFT's `LoraConfig` (0.21) and of the tools that write it.
enum LoRAKeys {
    private static let fromBase = "it changes the base's weights when training begins; save the adapter with"
        + " save_pretrained(…, path_initial_model_for_weight_conversion=…), which makes a plain LoRA of it"

    static let table = ConfigurationKeys([
        // Read by LoRAConfiguration.
        "peft_type": .read, "task_type": .read, "r": .read, "lora_alpha": .read, "use_rslora": .read, "lora_bias": .read,
        "use_dora": .read,
        "target_modules": .read, "exclude_modules": .read, "layers_to_transform": .read, "layers_pattern": .read,
        "rank_pattern": .read, "alpha_pattern": .read, "init_lora_weights": .read, "bias": .read, "alora_invocation_tokens": .read,
        "target_parameters": .read,
        // Read by VocabularyOptions.
        "modules_to_save": .read, "trainable_token_indices": .read, "ensure_weight_tying": .read,
        // Where it comes from.
        "base_model_name_or_path": .noEffect, "revision": .noEffect, "auto_mapping": .noEffect, "peft_version": .noEffect,
        "inference_mode": .noEffect, "base_model_class": .noEffect, "parent_library": .noEffect, "unsloth_fixed": .noEffect,
        "unsloth_version": .noEffect,
        // Training only: dropout, initialisation, and options of options that are refused below.
        "lora_dropout": .noEffect, "velora_config": .noEffect, "megatron_core": .noEffect, "qalora_group_size": .noEffect,
        "loftq_config": .noEffect, "eva_config": .noEffect, "corda_config": .noEffect, "lora_ga_config": .noEffect,
        "runtime_config": .noEffect,
        // PEFT itself sets it back to false for linear modules, and does not use it of an embedding.
        "fan_in_fan_out": .noEffect,
        "layer_replication": .refused("the base would have other layers"),
        "use_qalora": .refused("train without QA-LoRA"),
        "use_bdlora": .refused("train without BD-LoRA"),
        "kasa_config": .refused("train without KaSA"),
        "monteclora_config": .refused("train without MonteCLoRA"),
        "arrow_config": .refused("serve the adapters one by one: the router here chooses among them"),
        "megatron_config": .refused("save the adapter from a model that is not split by Megatron"),
        "routing_strategy": .refused("a mixture of experts is no plain LoRA"),
        "expert_lora": .refused("a mixture of experts is no plain LoRA"),
        "num_experts": .refused("a mixture of experts is no plain LoRA"),
    ])

    /// Values of `init_lora_weights` that leave the base's weights alone.
    static let plainInitialisations: Set<String> = ["gaussian", "eva", "orthogonal", "mica"]

    static func initialisationRefused(_ value: String) -> String {
        let known = ["olora", "corda", "loftq", "lora_ga"].contains(value) || value.hasPrefix("pissa")
        return known ? fromBase : "the value is not known; expected true, false or one of \(listed(plainInitialisations.sorted()))"
    }
}
