/// The keys of PEFT's `VeraConfig` (0.21).
enum VeRAKeys {
    static let table = ConfigurationKeys([
        // Read by VeRAConfiguration.
        "peft_type": .read, "task_type": .read, "r": .read, "target_modules": .read, "layers_to_transform": .read, "layers_pattern": .read,
        "save_projection": .read, "bias": .read, "exclude_modules": .read,
        // Where it comes from.
        "base_model_name_or_path": .noEffect, "revision": .noEffect, "auto_mapping": .noEffect, "peft_version": .noEffect,
        "inference_mode": .noEffect,
        // Training only: dropout and initialisation. The file has the result.
        "vera_dropout": .noEffect, "d_initial": .noEffect, "init_weights": .noEffect, "projection_prng_key": .noEffect,
        // PEFT itself sets it back to false for linear modules.
        "fan_in_fan_out": .noEffect,
        // Read by CommonParts.
        "modules_to_save": .read,
    ])
}
