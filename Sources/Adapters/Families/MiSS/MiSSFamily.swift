internal import JSON

/// MiSS (Kang et al. 2024; called Bone before) as PEFT writes it: inputs are summed by their index modulo r, and the r sums go through one
/// block: `y = W x + D^T s`, `s[k] = sum of x[i] where i mod r = k`. So it has rank r, with an A of zeros and ones. `mini` repeats
/// the block's columns over the outputs. `bat` multiplies the block with W and is no low-rank change: refused.
public struct MiSSFamily: AdapterFamily {
    public let name = "miss"

    public init() {}

    public func recognises(_ manifest: AdapterManifest) -> Bool { manifest.peftType == "MISS" }

    public func plan(
        _ content: AdapterContent, for base: BaseModules, limits: AdapterLimits, problems: inout AdapterProblems
    ) -> (any AdapterPlan)? {
        Self.keys.check(content.manifest, problems: &problems)
        let names = FactoredConfiguration.Keys(defaultRank: 64, biases: "MiSS_only")
        guard let configuration = FactoredConfiguration(content.manifest, names, limits: limits, problems: &problems) else { return nil }
        let columns = problems.noting { () throws(AdapterError) in try Self.columns(content.manifest, limits) }
        guard let columns else { return nil }
        return FactoredFamily.plan(name, kind: "MiSS", configuration, content, base, limits, &problems) { found, planner in
            MiSSTarget(found, rank: configuration.rank, columns: columns, &planner)
        }
    }

    private static func columns(_ manifest: AdapterManifest, _ limits: AdapterLimits) throws(AdapterError) -> MiSSColumns {
        let reader = ConfigurationReader(document: JSONCursor(.object(manifest.document)))
        let key = "init_weights"
        switch reader.document[key].value {
        case nil, .null, .bool: return .ofOutputs
        case .string("mini"): return .repeated(try reader.integer("mini_r", in: 1...limits.rank) ?? 1)
        case .string("bat"):
            throw AdapterError(
                .unsupported, "\"bat\" multiplies its block with the base's matrix, which no low-rank form has: \(ForeignFamily.merge)",
                file: AdapterFile.configuration, key: key)
        case let other:
            throw AdapterError(
                .malformed, "\(other?.serialized() ?? ""); expected true, false, \"mini\" or \"bat\"", file: AdapterFile.configuration, key: key)
        }
    }

    /// The keys of PEFT's `MissConfig` (0.21).
    private static let keys = ConfigurationKeys(
        peft: ["r": .read, "mini_r": .read, "init_weights": .read, "bias": .read, "miss_dropout": .noEffect])
}
