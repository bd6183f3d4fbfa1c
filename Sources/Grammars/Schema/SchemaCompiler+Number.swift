import JSON

/// Numbers.
extension SchemaCompiler {
    mutating func numberNode(_ places: [Int], isInteger: Bool) throws(GrammarError) -> GrammarNode {
        var conditions: [ByteAutomaton?] = []
        for place in places {
            let object = object(place)
            var lower: (Decimal, isExclusive: Bool)?
            var upper: (Decimal, isExclusive: Bool)?
            if let value = try number(object, "minimum", place) { lower = (Decimal(value), object["exclusiveMinimum"] == true) }
            if let value = try number(object, "maximum", place) { upper = (Decimal(value), object["exclusiveMaximum"] == true) }
            if let value = object["exclusiveMinimum"], value.boolValue == nil, try number(object, "exclusiveMinimum", place) != nil {
                if let known = lower { conditions.append(try NumberAutomata.atLeast(known.0, isExclusive: known.1, builder)) }
                lower = (Decimal(value), true)
            }
            if let value = object["exclusiveMaximum"], value.boolValue == nil, try number(object, "exclusiveMaximum", place) != nil {
                if let known = upper { conditions.append(try NumberAutomata.atMost(known.0, isExclusive: known.1, builder)) }
                upper = (Decimal(value), true)
            }
            if let lower { conditions.append(try NumberAutomata.atLeast(lower.0, isExclusive: lower.1, builder)) }
            if let upper { conditions.append(try NumberAutomata.atMost(upper.0, isExclusive: upper.1, builder)) }
            if isInteger, let format = object["format"]?.stringValue, let range = NumberAutomata.formats[format] {
                conditions.append(try NumberAutomata.atLeast(Decimal(.integer(range.lowerBound)), isExclusive: false, builder))
                conditions.append(try NumberAutomata.atMost(Decimal(.integer(range.upperBound)), isExclusive: false, builder))
            }
            if let value = try number(object, "multipleOf", place) {
                let divisor = Decimal(value)
                guard !divisor.isZero, !divisor.isNegative else {
                    throw GrammarError(.invalid, "`multipleOf` is not above 0", pointer: document[place].pointer)
                }
                if let multiples = NumberAutomata.multiples(of: divisor) {
                    conditions.append(multiples)
                } else {
                    try note("multipleOf", place, "it has too many digits")
                }
            }
        }
        guard !conditions.isEmpty else { return try builder.node(of: isInteger ? StandardAutomata.integer : StandardAutomata.number) }
        var all: ByteAutomaton? = isInteger ? StandardAutomata.integer : try NumberAutomata.plain(builder)
        for condition in conditions {
            guard let known = all, let condition else { return try builder.alternative([]) }
            all = try known.intersection(condition, limits: builder.limits, deadline: builder.deadline)
        }
        return try builder.node(of: all)
    }
}

/// Automata of numbers without exponents, by their digits.
enum NumberAutomata {
    /// Before and behind the point, one more than a 64-bit integer has. Longer numbers are hardly ever meant, and a small model that has
    /// begun one does not stop.
    static let mostDigits = 20

    static let formats: [String: ClosedRange<Int64>] = [
        "int32": Int64(Int32.min)...Int64(Int32.max), "int64": Int64.min...Int64.max, "uint32": 0...Int64(UInt32.max),
    ]

    private static func byte(_ character: Unicode.Scalar) -> Expression { .byte(UInt8(ascii: character)...UInt8(ascii: character)) }
    private static func digits(_ low: UInt8, _ high: UInt8) -> Expression {
        low > high ? .alternative([]) : .byte(low + UInt8(ascii: "0")...high + UInt8(ascii: "0"))
    }
    private static func digit(_ value: UInt8) -> Expression { digits(value, value) }
    private static let anyDigits: Expression = .any(digits(0, 9))
    private static let zeros: Expression = .any(digit(0))
    private static let anyFraction: Expression = .optional(.sequence([byte("."), .some(digits(0, 9))]))
    private static let anyWhole: Expression = .alternative([digit(0), .sequence([digits(1, 9), anyDigits])])
    private static let anyMagnitude: Expression = .sequence([anyWhole, anyFraction])

    static func plain(_ builder: GrammarBuilder) throws(GrammarError) -> ByteAutomaton? {
        let whole: Expression = .alternative([digit(0), .sequence([digits(1, 9), .repetition(digits(0, 9), least: 0, most: mostDigits - 1)])])
        let fraction: Expression = .optional(.sequence([byte("."), .repetition(digits(0, 9), least: 1, most: mostDigits)]))
        return try builder.automaton(.sequence([.optional(byte("-")), whole, fraction]), .plain)
    }

    static func atLeast(_ bound: Decimal, isExclusive: Bool, _ builder: GrammarBuilder) throws(GrammarError) -> ByteAutomaton? {
        let expression: Expression
        if bound.isNegative {
            expression = .alternative([anyMagnitude, .sequence([byte("-"), magnitudeAtMost(bound, isExclusive: isExclusive)])])
        } else {
            expression = magnitudeAtLeast(bound, isExclusive: isExclusive)
        }
        return try builder.automaton(expression, .plain)
    }

    static func atMost(_ bound: Decimal, isExclusive: Bool, _ builder: GrammarBuilder) throws(GrammarError) -> ByteAutomaton? {
        let negative: Expression
        if bound.isNegative {
            negative = .sequence([byte("-"), magnitudeAtLeast(bound, isExclusive: isExclusive)])
            return try builder.automaton(negative, .plain)
        }
        if bound.isZero, isExclusive {
            negative = .sequence([byte("-"), magnitudeAtLeast(bound, isExclusive: true)])
            return try builder.automaton(negative, .plain)
        }
        negative = .sequence([byte("-"), anyMagnitude])
        return try builder.automaton(.alternative([negative, magnitudeAtMost(bound, isExclusive: isExclusive)]), .plain)
    }

    // MARK: Magnitudes

    private static func magnitudeAtLeast(_ bound: Decimal, isExclusive: Bool) -> Expression {
        let (whole, fraction) = (bound.whole, bound.fraction)
        return .alternative([
            .sequence([wholeAbove(whole), anyFraction]),
            .sequence([wholeEqual(whole), fractionAtLeast(fraction, isExclusive: isExclusive)]),
        ])
    }

    private static func magnitudeAtMost(_ bound: Decimal, isExclusive: Bool) -> Expression {
        let (whole, fraction) = (bound.whole, bound.fraction)
        return .alternative([
            .sequence([wholeBelow(whole), anyFraction]),
            .sequence([wholeEqual(whole), fractionAtMost(fraction, isExclusive: isExclusive)]),
        ])
    }

    private static func wholeEqual(_ digits: [UInt8]) -> Expression {
        digits.isEmpty ? digit(0) : .sequence(digits.map(digit))
    }

    private static func wholeAbove(_ bound: [UInt8]) -> Expression {
        // Longer, or as long and greater at the first digit that differs.
        var cases: [Expression] = [
            .sequence([digits(1, 9), .repetition(digits(0, 9), least: bound.count, most: nil)])
        ]
        for place in bound.indices {
            cases.append(
                .sequence(
                    bound[..<place].map(digit) + [
                        bound[place] < 9 ? digits(bound[place] + 1, 9) : .alternative([]),
                        .repetition(digits(0, 9), least: bound.count - place - 1, most: bound.count - place - 1),
                    ]))
        }
        return .alternative(cases)
    }

    private static func wholeBelow(_ bound: [UInt8]) -> Expression {
        if bound.isEmpty { return .alternative([]) }
        var cases: [Expression] = [digit(0)]
        if bound.count > 1 { cases.append(.sequence([digits(1, 9), .repetition(digits(0, 9), least: 0, most: bound.count - 2)])) }
        for place in bound.indices {
            let low: UInt8 = place == 0 ? 1 : 0
            guard bound[place] > low else { continue }
            cases.append(
                .sequence(
                    bound[..<place].map(digit) + [
                        digits(low, bound[place] - 1),
                        .repetition(digits(0, 9), least: bound.count - place - 1, most: bound.count - place - 1),
                    ]))
        }
        return .alternative(cases)
    }

    private static func fractionAtLeast(_ bound: [UInt8], isExclusive: Bool) -> Expression {
        let beyond: Expression = .sequence([zeros, digits(1, 9), anyDigits])
        if bound.isEmpty {
            return isExclusive ? .sequence([byte("."), beyond]) : anyFraction
        }
        var cases: [Expression] = [.sequence(bound.map(digit) + [isExclusive ? beyond : anyDigits])]
        for place in bound.indices where bound[place] < 9 {
            cases.append(.sequence(bound[..<place].map(digit) + [digits(bound[place] + 1, 9), anyDigits]))
        }
        return .sequence([byte("."), .alternative(cases)])
    }

    private static func fractionAtMost(_ bound: [UInt8], isExclusive: Bool) -> Expression {
        var cases: [Expression] = []
        if !isExclusive { cases.append(.sequence(bound.map(digit) + [bound.isEmpty ? .some(digit(0)) : zeros])) }
        for place in bound.indices {
            if bound[place] > 0 { cases.append(.sequence(bound[..<place].map(digit) + [digits(0, bound[place] - 1), anyDigits])) }
            // A text that ends inside the bound's digits is less: the last digit of the bound is not 0.
            if place > 0 { cases.append(.sequence(bound[..<place].map(digit))) }
        }
        let fraction: Expression = .sequence([byte("."), .alternative(cases)])
        return bound.isEmpty && isExclusive ? .alternative([]) : .optional(fraction)
    }

    // MARK: Multiples

    private static let mostRemainders = 4_000

    /// Numbers that are a whole multiple: the remainder of the digits so far is the state. nil: there would be too many.
    static func multiples(of divisor: Decimal) -> ByteAutomaton? {
        var modulus = 0
        for digit in divisor.digits {
            modulus = modulus * 10 + Int(digit)
            guard modulus <= mostRemainders else { return nil }
        }
        let scale = divisor.scale
        guard modulus > 0, modulus * (scale + 2) <= 16_000 else { return nil }
        // States: 0 start, 1 behind the sign, 2 behind a leading zero, 3 zeros behind all digits of the fraction that count, then
        // (digits of the fraction, remainder), where -1 digits is before the point.
        let classes = (0..<256).map { byte -> UInt8 in
            switch UInt8(byte) {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt8(byte) - UInt8(ascii: "0")
            case UInt8(ascii: "-"): 10
            case UInt8(ascii: "."): 11
            default: 12
            }
        }
        func state(_ place: Int, _ remainder: Int) -> Int32 { Int32(4 + (place + 1) * modulus + remainder) }
        let count = 4 + (scale + 2) * modulus
        var table = [Int32](repeating: -1, count: count * 13)
        var labels = [UInt64](repeating: 0, count: count)
        func row(_ state: Int32, _ column: Int, _ next: Int32) { table[Int(state) * 13 + column] = next }
        func digits(_ from: Int32, _ low: Int, _ next: (Int) -> Int32?) {
            for digit in low...9 { if let next = next(digit) { row(from, digit, next) } }
        }
        /// The remainder when zeros fill the digits of the fraction that are missing.
        func padded(_ remainder: Int, _ missing: Int) -> Int { (0..<missing).reduce(remainder) { value, _ in value * 10 % modulus } }
        for start: Int32 in [0, 1] {
            row(start, 0, 2)
            digits(start, 1) { state(-1, $0 % modulus) }
        }
        row(0, 10, 1)
        row(2, 11, state(0, 0))
        labels[2] = 1
        labels[3] = 1
        row(3, 0, 3)
        for remainder in 0..<modulus {
            let whole = state(-1, remainder)
            digits(whole, 0) { state(-1, (remainder * 10 + $0) % modulus) }
            row(whole, 11, state(0, remainder))
            if padded(remainder, scale) == 0 { labels[Int(whole)] = 1 }
            for place in 0...scale {
                let own = state(place, remainder)
                if place > 0, padded(remainder, scale - place) == 0 { labels[Int(own)] = 1 }
                if place < scale {
                    digits(own, 0) { state(place + 1, (remainder * 10 + $0) % modulus) }
                } else if remainder == 0 {
                    row(own, 0, 3)
                }
            }
        }
        return .pruned(classes: classes, classCount: 13, table: table, labels: labels)
    }
}
