import Generation
import JSON

/// The fields that chat and completions share.
struct SamplingFields: Sendable {
    var sampling: SamplingParameters
    var choices: Int
    var stop: [String]
    var ignoresEndOfSequence: Bool
    var isStream: Bool
    var includesUsage: Bool
    var hasContinuousUsage: Bool
    var user: String?

    init(_ cursor: JSONCursor, fields: FieldPolicy, limits: APILimits) throws(JSONError) {
        sampling = try Self.sampling(cursor, limits: limits)
        choices = try cursor["n"].optionalInt(in: 1...limits.choices) ?? 1
        let other = try cursor["safety_identifier"].optionalString()
        user = try cursor["user"].optionalString() ?? other
        stop = try Self.stop(cursor["stop"], limits: limits)
        ignoresEndOfSequence = try cursor["ignore_eos"].optionalBool() ?? false
        isStream = try cursor["stream"].optionalBool() ?? false
        let options = cursor["stream_options"]
        if options.exists {
            guard isStream else { throw options.invalid("only allowed when `stream` is true") }
            try fields.check(options, ["include_usage", "include_obfuscation", "continuous_usage_stats"])
        }
        includesUsage = try options["include_usage"].optionalBool() ?? false
        // As in vLLM, only beside `include_usage`.
        hasContinuousUsage = try options["continuous_usage_stats"].optionalBool() == true && includesUsage
    }

    private static func sampling(_ cursor: JSONCursor, limits: APILimits) throws(JSONError) -> SamplingParameters {
        var sampling = SamplingParameters()
        sampling.temperature = try cursor["temperature"].optionalDouble(in: 0...2).map(Float.init) ?? 1
        sampling.topP = try cursor["top_p"].optionalDouble(in: 0...1).map(Float.init) ?? 1
        // vLLM's -1 keeps all, as 0 does.
        sampling.topK = max(try cursor["top_k"].optionalInt(in: -1...(1 << 30)) ?? 0, 0)
        sampling.minP = try cursor["min_p"].optionalDouble(in: 0...1).map(Float.init) ?? 0
        sampling.typicalP = try typicalP(cursor["typical_p"])
        sampling.presencePenalty = try cursor["presence_penalty"].optionalDouble(in: -2...2).map(Float.init) ?? 0
        sampling.frequencyPenalty = try cursor["frequency_penalty"].optionalDouble(in: -2...2).map(Float.init) ?? 0
        sampling.repetitionPenalty =
            try cursor["repetition_penalty"].optionalDouble(in: 0.01...10).map(Float.init) ?? 1
        sampling.seed = try cursor["seed"].optionalInt().map { UInt64(bitPattern: Int64($0)) }
        sampling.logitBias = try logitBias(cursor["logit_bias"], limits: limits)
        return sampling
    }

    static func typicalP(_ cursor: JSONCursor) throws(JSONError) -> Float {
        guard let value = try cursor.optionalDouble(in: 0...1) else { return 1 }
        guard value > 0 else { throw cursor.invalid("expected a number above 0, at most 1: nothing would be kept") }
        return Float(value)
    }

    /// `{"token id": bias}`.
    private static func logitBias(_ cursor: JSONCursor, limits: APILimits) throws(JSONError) -> [Int32: Float] {
        guard let members = try cursor.optionalObject() else { return [:] }
        guard members.count <= limits.logitBiasEntries else {
            throw cursor.invalid("\(members.count) entries; at most \(limits.logitBiasEntries) are taken")
        }
        var biases: [Int32: Float] = [:]
        for (key, value) in members where !value.isNull {
            guard let token = Int32(key), token >= 0 else {
                try FieldPolicy.refuseLong(key, of: cursor)
                throw cursor.invalid("`\(key)` is not a token id")
            }
            biases[token] = Float(try cursor[key].double(in: -100...100))
        }
        return biases
    }

    static func stop(_ cursor: JSONCursor, limits: APILimits) throws(JSONError) -> [String] {
        guard cursor.exists else { return [] }
        let places: [JSONCursor]
        switch cursor.value {
        case .string: places = [cursor]
        case .array: places = try cursor.array()
        default: throw cursor.invalid("expected a string or an array of strings, found \(cursor.value?.kindName ?? "nothing")")
        }
        guard places.count <= limits.stopStrings else {
            throw cursor.invalid("\(places.count) strings; at most \(limits.stopStrings) are taken")
        }
        var stop: [String] = []
        for place in places {
            let text = try place.string()
            guard !text.isEmpty, text.utf8.count <= limits.stopStringBytes else {
                throw place.invalid("expected 1 to \(limits.stopStringBytes) bytes, found \(text.utf8.count)")
            }
            stop.append(text)
        }
        return stop
    }
}
