/// The keys of PEFT's `IA3Config` (0.21).
enum IA3Keys {
    static let table = ConfigurationKeys([
        // Read by IA3Configuration.
        "peft_type": .read, "task_type": .read, "target_modules": .read, "exclude_modules": .read, "feedforward_modules": .read,
        // Where it comes from.
        "base_model_name_or_path": .noEffect, "revision": .noEffect, "auto_mapping": .noEffect, "peft_version": .noEffect,
        "inference_mode": .noEffect,
        // The vectors are in the file; and PEFT itself sets fan_in_fan_out back to false for linear modules.
        "init_ia3_weights": .noEffect, "fan_in_fan_out": .noEffect,
        // Read by CommonParts.
        "modules_to_save": .read,
    ])
}
