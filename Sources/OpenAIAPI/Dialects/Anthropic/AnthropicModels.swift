import HTTP
import JSON

/// Anthropic's list of models. Its clients ask at OpenAI's path; their header `anthropic-version` tells them apart.
extension APIService {
    static func isAnthropic(_ exchange: Exchange) -> Bool { exchange.request.headers.contains("anthropic-version") }

    /// A page after or before a model: `limit` (20 unless it is given, at most 1,000), `after_id`, `before_id`.
    func anthropicModels(_ exchange: Exchange, _ models: [ServedModel]) throws(APIError) -> JSONValue {
        let request = exchange.request
        var limit = 20
        if let text = request.query("limit") {
            guard let number = Int(text), (1...1_000).contains(number) else {
                throw APIError(.invalidRequest, "`limit`: expected an integer from 1 to 1000", param: "limit")
            }
            limit = number
        }
        func place(_ name: String) throws(APIError) -> Int? {
            guard let id = request.query(name) else { return nil }
            guard id.utf8.count <= JSONCursor.longestName, let place = models.firstIndex(where: { $0.id == id }) else {
                throw APIError(.invalidRequest, "`\(name)`: there is no such model", param: name)
            }
            return place
        }
        let after = try place("after_id").map { $0 + 1 } ?? 0
        let page: ArraySlice<ServedModel>
        let hasMore: Bool
        if let before = try place("before_id") {
            page = models[..<before].suffix(limit)
            hasMore = page.startIndex > 0
        } else {
            page = models[after...].prefix(limit)
            hasMore = page.endIndex < models.count
        }
        return [
            "data": .array(page.map(anthropicModel)), "has_more": .bool(hasMore),
            "first_id": page.first.map { .string($0.id) } ?? .null, "last_id": page.last.map { .string($0.id) } ?? .null,
        ]
    }

    func anthropicModel(_ model: ServedModel) -> JSONValue {
        [
            "type": "model", "id": .string(model.id), "display_name": .string(model.id),
            "created_at": .string(UnixClock.text(model.created)), "max_input_tokens": .integer(Int64(model.contextLength)),
            "max_tokens": .integer(Int64(model.contextLength)),
        ]
    }
}
