import HTTP

/// Reads the query of a list: `after`, `limit` and others by name. Unknown names are ignored, as OpenAI does it.
struct ListQuery {
    let request: HTTPRequest

    private static let longestValue = 1_024

    /// - Parameters:
    ///   - standard: the limit without `limit`.
    ///   - most: the highest limit.
    func place(standard: Int, most: Int) throws(APIError) -> ListPlace {
        ListPlace(after: try text("after"), limit: try integer("limit", 1...most) ?? min(standard, most))
    }

    /// nil when it is missing or empty.
    func text(_ name: String) throws(APIError) -> String? {
        guard let value = request.query(name), !value.isEmpty else { return nil }
        guard value.utf8.count <= Self.longestValue else {
            throw APIError(.invalidRequest, "`\(name)`: expected at most \(Self.longestValue) bytes", param: name)
        }
        return value
    }

    func choice(_ name: String, _ choices: [String]) throws(APIError) -> String? {
        guard let value = try text(name) else { return nil }
        guard choices.contains(value) else {
            throw APIError(.invalidRequest, "`\(name)`: expected one of \(choices.joined(separator: ", ")), found `\(value)`", param: name)
        }
        return value
    }

    private func integer(_ name: String, _ range: ClosedRange<Int>) throws(APIError) -> Int? {
        guard let value = try text(name) else { return nil }
        guard let number = Int(value), range.contains(number) else {
            throw APIError(
                .invalidRequest, "`\(name)`: expected a whole number from \(range.lowerBound) to \(range.upperBound), found `\(value)`", param: name)
        }
        return number
    }

    /// `metadata[key]=value` any number of times, or `metadata=null`.
    func metadata() throws(APIError) -> MetadataFilter {
        var wanted: [String: String] = [:]
        for (name, value) in request.query where name.hasPrefix("metadata[") && name.hasSuffix("]") {
            let key = String(name.dropFirst("metadata[".count).dropLast())
            guard key.utf8.count <= Self.longestValue, value.utf8.count <= 4 * Self.longestValue, wanted.count < FineTuningRequestBounds.pairs else {
                throw APIError(.invalidRequest, "`metadata`: expected at most \(FineTuningRequestBounds.pairs) pairs of short texts", param: "metadata")
            }
            wanted[key] = value
        }
        switch request.query("metadata") {
        case nil, "": return .having(wanted)
        case "null" where wanted.isEmpty: return .none
        default: throw APIError(.invalidRequest, "`metadata`: expected `metadata[key]=value` or `metadata=null`, and not both", param: "metadata")
        }
    }
}
