import JSON

/// Arrays.
extension SchemaCompiler {
    mutating func listNode(_ places: [Int]) throws(GrammarError) -> GrammarNode {
        var (least, most): (Int, Int?) = (0, nil)
        var longest = 0
        for place in places {
            let object = object(place)
            least = max(least, try count(object, "minItems", place) ?? 0)
            if let own = try count(object, "maxItems", place) { most = min(most ?? own, own) }
            longest = max(longest, try prefix(place).count)
        }
        var elements: [GrammarNode] = []
        for index in 0..<longest {
            guard let parts = try schemas(ofElement: index, places) else {
                most = min(most ?? index, index)
                break
            }
            elements.append(try node(places: parts))
        }
        let others = try schemas(ofElement: nil, places)
        if others == nil { most = min(most ?? elements.count, elements.count) }
        if let most, most < least { return try builder.alternative([]) }
        let rest = try others.map { parts throws(GrammarError) in try node(places: parts) }
        return try builder.add(.list(ListNode(prefix: elements, rest: rest, least: least, most: most, punctuation: punctuation)))
    }

    /// The keyword that has the first elements' schemas, and how many.
    private func prefix(_ place: Int) throws(GrammarError) -> (keyword: String, count: Int) {
        let object = object(place)
        if object["prefixItems"] != nil { return ("prefixItems", try array(object, "prefixItems", place).count) }
        return ("items", object["items"]?.arrayValue?.count ?? 0)
    }

    /// What an element must satisfy together; nil: nothing does.
    ///
    /// - Parameter index: nil is any element behind the first ones.
    private mutating func schemas(ofElement index: Int?, _ places: [Int]) throws(GrammarError) -> [Int]? {
        var parts: [Int] = []
        for place in places {
            let object = object(place)
            let (keyword, count) = try prefix(place)
            let schema: Int?
            if let index, index < count {
                schema = document.place(of: place, [keyword, String(index)])
            } else if object["items"] != nil, object["items"]?.arrayValue == nil {
                schema = document.place(of: place, ["items"])
            } else if object["items"]?.arrayValue != nil, object["additionalItems"] != nil {
                schema = document.place(of: place, ["additionalItems"])
            } else {
                schema = nil
            }
            guard let schema else { continue }
            if document[schema].value == false { return nil }
            parts.append(schema)
        }
        return parts
    }
}
