/// The families that are served: one line each.
public struct AdapterRegistry: Sendable {
    public static let standard = AdapterRegistry([
        LoRAFamily(),
        IA3Family(),
        VeRAFamily(),
        AdaLoRAFamily(),
        LoHaFamily(),
        MiSSFamily(),
        DeLoRAFamily(),
        LNTuningFamily(),
        MemoryExpertsFamily(),
        TrainableTokensFamily(),
        MixLoRAFamily(),
        MoLAFamily(),
        LoRAMoEFamily(),
    ])

    public let families: [any AdapterFamily]

    public init(_ families: [any AdapterFamily]) { self.families = families }

    /// Errors: `unsupported`.
    public func family(for manifest: AdapterManifest) throws(AdapterError) -> any AdapterFamily {
        if let family = families.first(where: { $0.recognises(manifest) }) { return family }
        throw AdapterError(
            .unsupported,
            "the family \(quoted(manifest.peftType)) is not served here (\(listed(families.map { $0.name.uppercased() }, limit: 20)) are): "
                + ForeignFamily.wayOut(manifest.peftType),
            file: AdapterFile.configuration, key: "peft_type")
    }
}
