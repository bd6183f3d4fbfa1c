import JSON

/// Strings.
extension SchemaCompiler {
    mutating func stringNode(_ places: [Int]) throws(GrammarError) -> GrammarNode {
        let bounds = try lengths(places)
        if let most = bounds.most, most < bounds.least { return try builder.alternative([]) }
        let contents = try contents(places)
        if contents.isEmpty {
            let isBounded = bounds.least > 0 || bounds.most != nil
            return try builder.node(of: StandardAutomata.string, bounds: isBounded ? bounds : nil)
        }
        if contents.count == 1, bounds.least == 0, bounds.most == nil {
            let (name, content) = contents[0]
            return try builder.node(of: builder.automaton("quoted " + name) { _ throws(GrammarError) in content?.quoted })
        }
        return try builder.node(of: plainStrings(places, contents.map(\.automaton)))
    }

    private func lengths(_ places: [Int]) throws(GrammarError) -> LengthBounds {
        var bounds = LengthBounds(least: 0, most: nil)
        for place in places {
            let object = object(place)
            bounds.least = max(bounds.least, try count(object, "minLength", place) ?? 0)
            if let own = try count(object, "maxLength", place) { bounds.most = min(bounds.most ?? own, own) }
        }
        return bounds
    }

    /// Quoted strings, each written in one way, that have the patterns, formats and lengths. nil: there is none.
    mutating func plainStrings(_ places: [Int]) throws(GrammarError) -> ByteAutomaton? {
        let contents = try contents(places)
        return try plainStrings(places, contents.map(\.automaton))
    }

    private mutating func plainStrings(_ places: [Int], _ contents: [ByteAutomaton?]) throws(GrammarError) -> ByteAutomaton? {
        var all: ByteAutomaton?
        for content in contents {
            guard let content else { return nil }
            guard let known = all else {
                all = content
                continue
            }
            all = try known.intersection(content, limits: builder.limits, deadline: builder.deadline)
            guard all != nil else { return nil }
        }
        let bounds = try lengths(places)
        if bounds.least > 0 || bounds.most != nil || all == nil {
            let counted: Expression = .repetition(.scalars(.all), least: bounds.least, most: bounds.most)
            do throws(GrammarError) {
                let lengths = try builder.automaton(counted, .json)
                guard let known = all else { return lengths?.quoted }
                all = try lengths.flatMap { own throws(GrammarError) in
                    try known.intersection(own, limits: builder.limits, deadline: builder.deadline)
                }
            } catch where error.code == .tooComplex {
                let place = places.first { object($0)["maxLength"] != nil || object($0)["minLength"] != nil } ?? places[0]
                try note("\(object(place)["maxLength"] != nil ? "maxLength" : "minLength")", place, "it is too large beside a `pattern`")
            }
        }
        return all?.quoted
    }

    /// An automaton for each pattern and format, with a name that tells it from others.
    private mutating func contents(_ places: [Int]) throws(GrammarError) -> [(name: String, automaton: ByteAutomaton?)] {
        var found: [(name: String, automaton: ByteAutomaton?)] = []
        for place in places {
            let object = object(place)
            if let pattern = try string(object, "pattern", place) {
                do throws(GrammarError) {
                    found.append(("pattern " + pattern, try builder.strings(matching: pattern)))
                } catch {
                    guard error.code == .unsupported, !options.isStrict else {
                        var error = error
                        error.message = "`pattern`: \(error.message)"
                        error.pointer = document[place].pointer
                        throw error
                    }
                    try note("pattern", place, error.message)
                }
            }
            if let format = try string(object, "format", place), let expression = StringFormat.expression(format) {
                let name = "format " + format
                found.append((name, try builder.automaton(name) { builder throws(GrammarError) in try builder.automaton(expression, .json) }))
            }
        }
        return found
    }
}

extension ByteAutomaton {
    /// The same texts between quotation marks, which occur in them only behind backslashes.
    var quoted: ByteAutomaton? {
        let quote = UInt8(ascii: "\"")
        // The mark gets a class of its own.
        var classes = classes
        let mark = classCount
        let old = Int(classes[Int(quote)])
        classes[Int(quote)] = UInt8(mark)
        let count = classCount + 1
        let (start, final) = (Int32(0), Int32(stateCount + 1))
        var table = [Int32](repeating: -1, count: (stateCount + 2) * count)
        table[Int(start) * count + mark] = 1
        for state in 0..<stateCount {
            let row = (state + 1) * count
            for place in 0..<classCount {
                let next = self.table[state * classCount + place]
                if next >= 0 { table[row + place] = next + 1 }
            }
            table[row + mark] = labels[state] != 0 ? final : table[row + old]
        }
        // Each label has a final state of its own.
        var labels: [UInt64] = [0] + [UInt64](repeating: 0, count: stateCount)
        var finals: [UInt64: Int32] = [:]
        for state in 0..<stateCount where self.labels[state] != 0 {
            let label = self.labels[state]
            if finals[label] == nil {
                finals[label] = Int32(labels.count)
                labels.append(label)
            }
            table[(state + 1) * count + mark] = finals[label] ?? final
        }
        while table.count < labels.count * count { table.append(-1) }
        table.removeLast(table.count - labels.count * count)
        return .pruned(classes: classes, classCount: count, table: table, labels: labels)
    }
}
