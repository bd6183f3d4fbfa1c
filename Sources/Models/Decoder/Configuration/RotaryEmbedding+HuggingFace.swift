internal import Glibc
internal import JSON

extension RotaryEmbedding {
    /// `rope_parameters` of transformers 5, or `rope_theta` and `rope_scaling` of the versions before.
    init(huggingFace config: JSONCursor, base: Double) throws(JSONError) {
        try self.init(
            huggingFace: config, scaling: config["rope_parameters"].exists ? config["rope_parameters"] : config["rope_scaling"],
            base: config["rope_theta"].optionalDouble() ?? base)
    }

    /// From what describes one rotation; `base` holds where that names none. An option that is not implemented is thrown as an error without
    /// a path.
    init(huggingFace config: JSONCursor, scaling: JSONCursor, base: Double) throws(JSONError) {
        let base = Float(try scaling["rope_theta"].optionalDouble() ?? base)
        if try config["model_type"].optionalString() != "phi3", try RotaryEmbedding.share(config, scaling) != 1 {
            throw JSONError(.invalidValue, "rotating a part of each head (partial_rotary_factor) is not implemented")
        }
        let oldSpelling = try scaling["type"].optionalString()
        let kind = try scaling["rope_type"].optionalString() ?? oldSpelling ?? "default"
        switch kind {
        case "default": self.init(base: base)
        case "linear": self.init(base: base, scaling: .linear(factor: Float(try scaling["factor"].double())))
        case "llama3":
            self.init(
                base: base,
                scaling: .llama3(
                    factor: Float(try scaling["factor"].double()),
                    lowFrequencyFactor: Float(try scaling["low_freq_factor"].double()),
                    highFrequencyFactor: Float(try scaling["high_freq_factor"].double()),
                    originalContext: try scaling["original_max_position_embeddings"].int()))
        case "yarn": self = try Self.yarn(config, scaling, base: base)
        case "longrope", "su": self = try Self.longRoPE(config, scaling, base: base)
        default:
            throw JSONError(
                .invalidValue,
                "rotary scaling \(kind.debugDescription) is not implemented; default, linear, llama3, yarn and longrope are")
        }
    }

    /// The part of each head that is rotated.
    static func share(_ config: JSONCursor, _ scaling: JSONCursor) throws(JSONError) -> Double {
        let outer = try config["partial_rotary_factor"].optionalDouble()
        return try scaling["partial_rotary_factor"].optionalDouble() ?? outer ?? 1
    }

    /// The context of the model's first training, and the factor by which it grew.
    private static func extent(_ config: JSONCursor, _ scaling: JSONCursor) throws(JSONError) -> (original: Int, factor: Double) {
        let whole = try config["max_position_embeddings"].int()
        let outer = try config["original_max_position_embeddings"].optionalInt()
        let original = try scaling["original_max_position_embeddings"].optionalInt() ?? outer ?? whole
        return (original, try scaling["factor"].optionalDouble() ?? Double(whole) / Double(max(original, 1)))
    }

    private static func yarn(_ config: JSONCursor, _ scaling: JSONCursor, base: Float) throws(JSONError) -> RotaryEmbedding {
        let (original, factor) = try extent(config, scaling)
        var yarn = YaRN(factor: Float(factor), originalContext: original)
        if let turns = try scaling["beta_fast"].optionalDouble() { yarn.fastTurns = Float(turns) }
        if let turns = try scaling["beta_slow"].optionalDouble() { yarn.slowTurns = Float(turns) }
        yarn.truncates = try scaling["truncate"].optionalBool() ?? true
        var magnitude = YaRN.magnitude(factor)
        let (own, all) = (try scaling["mscale"].optionalDouble() ?? 0, try scaling["mscale_all_dim"].optionalDouble() ?? 0)
        if own != 0, all != 0 { magnitude = YaRN.magnitude(factor, own) / YaRN.magnitude(factor, all) }
        if let given = try scaling["attention_factor"].optionalDouble() { magnitude = given }
        return RotaryEmbedding(base: base, scaling: .yarn(yarn), magnitude: Float(magnitude))
    }

    /// The short factors for sequences that stay within the original context, the long ones for others.
    private static func longRoPE(_ config: JSONCursor, _ scaling: JSONCursor, base: Float) throws(JSONError) -> RotaryEmbedding {
        let (original, factor) = try extent(config, scaling)
        func divisors(_ name: String) throws(JSONError) -> [Float] {
            var divisors: [Float] = []
            for divisor in try scaling[name].array() { divisors.append(Float(try divisor.double())) }
            return divisors
        }
        let short = try divisors("short_factor")
        let isLong = try config["max_position_embeddings"].int() > original
        var magnitude = factor <= 1 ? 1 : (1 + log(factor) / log(Double(original))).squareRoot()
        if let given = try scaling["attention_factor"].optionalDouble() { magnitude = given }
        var rope = RotaryEmbedding(base: base, scaling: .divisors(isLong ? try divisors("long_factor") : short), magnitude: Float(magnitude))
        if isLong { rope.short = ShortFactors(divisors: short, positions: original) }
        return rope
    }
}
