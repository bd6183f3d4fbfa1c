import ArgumentParser
import Generation

/// How the next token is drawn.
struct SamplingOptions: ParsableArguments {
    @Option(help: "Most tokens to generate; 0 generates nothing.") var maxTokens = Variables.integer("max-tokens") ?? 256
    @Option(help: "0 takes the most probable token each time.") var temperature = Variables.number("temperature") ?? 0
    @Option(help: "Keep the most probable tokens up to this mass.") var topP = Variables.number("top-p") ?? 1
    @Option(help: "Keep this many tokens; 0 keeps all.") var topK = Variables.integer("top-k") ?? 0
    @Option(name: .customLong("seed"), help: "Makes sampling repeatable.") var givenSeed: Int?
    var seed: Int? { givenSeed ?? Variables.integer("seed") }
    @Option(help: "End before this text; may be given more than once.") var stop: [String] = []

    func validate() throws {
        guard (0...10_000_000).contains(maxTokens) else { throw ValidationError("--max-tokens must not be negative.") }
        guard (0...2).contains(temperature) else { throw ValidationError("--temperature goes from 0 to 2.") }
        guard topP > 0, topP <= 1 else { throw ValidationError("--top-p goes from above 0 to 1.") }
        guard topK >= 0 else { throw ValidationError("--top-k must not be negative.") }
        // Reads LMOE_SEED now, so that `Variables.check` reports a wrong one.
        _ = seed
    }

    var parameters: SamplingParameters {
        var parameters = SamplingParameters()
        parameters.temperature = Float(temperature)
        parameters.topP = Float(topP)
        parameters.topK = topK
        parameters.seed = seed.map { UInt64(bitPattern: Int64($0)) }
        return parameters
    }
}
