import Generation
import JSON

/// `POST /v1/route`: `{"input": text or messages, "top": n, "threshold": p, "candidates": [names], "map": bool}`.
struct RouteRequest: Sendable {
    var question: RouteQuestion
    /// The answer also has the examples around the text, in two dimensions.
    var wantsMap: Bool

    init(_ cursor: JSONCursor, fields: FieldPolicy, limits: APILimits) throws(APIError) {
        do throws(JSONError) {
            try fields.check(cursor, ["input", "top", "threshold", "candidates", "map"])
            let input = cursor["input"]
            let content: RouteQuestion.Content
            switch input.value {
            case .array: content = .messages(try ChatMessage.read(input, fields: fields, limits: limits))
            case .string(let text): content = .text(text)
            default: throw input.invalid("expected a text or an array of messages, found \(input.value?.kindName ?? "nothing")")
            }
            wantsMap = try cursor["map"].optionalBool() ?? false
            question = RouteQuestion(
                content, candidates: try RouteOptions.candidates(cursor["candidates"], limits: limits),
                threshold: try cursor["threshold"].optionalDouble(in: 0...1),
                top: try cursor["top"].optionalInt(in: 1...limits.routeCandidates) ?? 5)
        } catch {
            throw APIError(error)
        }
    }
}
