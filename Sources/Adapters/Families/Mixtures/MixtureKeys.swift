/// The keys of MoE-PEFT's (2.0) and mixlora's (0.2) configurations, and of what trains them.
enum MixtureKeys {
    private static let common: [String: ConfigurationKeys.Rule] = [
        // Read by MixtureConfiguration.
        "peft_type": .read, "task_type": .read, "r": .read, "lora_alpha": .read, "use_rslora": .read, "target_modules": .read,
        "routing_strategy": .read, "num_experts": .read, "top_k": .read, "act_fn": .read, "bias": .read,
        // Where it comes from.
        "base_model_name_or_path": .noEffect, "revision": .noEffect, "peft_version": .noEffect, "inference_mode": .noEffect,
        "name": .noEffect,
        // Training only: dropout, initialisation, and losses of the routers.
        "lora_dropout": .noEffect, "lora_init": .noEffect, "router_init_range": .noEffect, "jitter_noise": .noEffect,
        "router_loss": .noEffect, "router_aux_loss_coef": .noEffect, "router_z_loss_coef": .noEffect, "ffn_dropout": .noEffect,
        // Of the strategy mixlora-switch, which is refused.
        "expert_capacity": .noEffect, "sparse_step": .noEffect,
    ]

    static let mixLoRA = ConfigurationKeys(
        common.merging(["use_dora": .read, "expert_lora": .read, "top_p": .read, "temperature": .read]) { $1 })

    static let linear = ConfigurationKeys(
        common.merging([
            "use_dora": .refused("experts that are trained with moe_peft do without DoRA whatever the key says; train with it off"),
            "expert_lora": .refused("only MixLoRA has experts with settings of their own"),
            "top_p": .noEffect, "temperature": .noEffect,
        ]) { $1 })
}
