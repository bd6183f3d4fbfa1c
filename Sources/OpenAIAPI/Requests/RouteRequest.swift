import Generation
import JSON

/// `POST /v1/route`: `{"input": text or messages, "top": n, "threshold": p, "candidates": [names]}`.
enum RouteRequest {
    static func read(_ cursor: JSONCursor, fields: FieldPolicy, limits: APILimits) throws(APIError) -> RouteQuestion {
        do throws(JSONError) {
            try fields.check(cursor, ["input", "top", "threshold", "candidates"])
            let input = cursor["input"]
            let content: RouteQuestion.Content
            switch input.value {
            case .array: content = .messages(try ChatMessage.read(input, fields: fields, limits: limits))
            case .string(let text): content = .text(text)
            default: throw input.invalid("expected a text or an array of messages, found \(input.value?.kindName ?? "nothing")")
            }
            return RouteQuestion(
                content, candidates: try RouteOptions.candidates(cursor["candidates"], limits: limits),
                threshold: try cursor["threshold"].optionalDouble(in: 0...1),
                top: try cursor["top"].optionalInt(in: 1...limits.routeCandidates) ?? 5)
        } catch {
            throw APIError(error)
        }
    }
}
