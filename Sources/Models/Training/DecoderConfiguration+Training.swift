extension DecoderConfiguration {
    /// What the training step does not compute of this base; nil: it computes all.
    public var untrainable: String? {
        if experts != nil { return "a mixture of experts" }
        if !inputNorms || normsWholeHeads { return "attention and feed-forward without norms before them, and norms over all heads at once" }
        if attentionSoftCap > 0 || logitSoftCap > 0 { return "soft caps of scores and logits" }
        if residualScale != 1 { return "factors of what layers add (residual_multiplier)" }
        if queryTemperature != nil { return "queries that grow with their position (llama_4_scaling_beta)" }
        if hasSinks { return "sinks of attention" }
        if case .clamped = activation { return "a clamped activation" }
        return nil
    }

    static var clampedIsNotTuned: String { "checkTraining refuses bases with a clamped activation" }

    /// Throws `unsupported` for a base whose gradients are not implemented.
    func checkTraining() throws(ModelError) {
        guard let untrainable else { return }
        throw ModelError(
            .unsupported,
            "\(name) (\(architecture.modelType)) cannot be tuned here, and memories cannot be written for it: gradients through \(untrainable) "
                + "are not implemented. It can be served, with adapters that were tuned elsewhere, for example by PEFT")
    }
}
