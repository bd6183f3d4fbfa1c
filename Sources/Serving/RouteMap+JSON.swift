import JSON
import Routing

/// A route map on the wire: `/v1/route` with `"map": true`.
extension RouteMap {
    /// Characters of an example that a map shows.
    private static let shownCharacters = 160

    /// `groups` with `adapter` (null: texts that no adapter should answer, without their wording), `count` of all its examples and `points`,
    /// each `{"x", "y", "text"}`; `query` with `x` and `y`; `nearest`, pairs of a group's and a point's position.
    var json: JSONValue {
        let groups = groups.map { group -> JSONValue in
            [
                "adapter": group.adapter.map(JSONValue.string) ?? .null, "count": .integer(Int64(group.count)),
                "points": .array(group.points.map { Self.json($0, hasText: group.adapter != nil) }),
            ]
        }
        return [
            "groups": .array(groups), "query": Self.json(query, hasText: false),
            "nearest": .array(nearest.map { [.integer(Int64($0.group)), .integer(Int64($0.point))] }),
        ]
    }

    private static func json(_ point: Point, hasText: Bool) -> JSONValue {
        var object: JSONObject = ["x": rounded(point.x), "y": rounded(point.y)]
        // By scalars: one character can be a megabyte long.
        if hasText { object["text"] = .string(String(String.UnicodeScalarView(point.text.unicodeScalars.prefix(shownCharacters)))) }
        return .object(object)
    }

    private static func rounded(_ value: Double) -> JSONValue { .number((value * 1e4).rounded() / 1e4) }
}
