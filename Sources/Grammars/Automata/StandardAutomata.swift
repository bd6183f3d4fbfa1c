/// Automata that most grammars use, made once.
enum StandardAutomata {
    private static func made(_ expression: Expression, _ encoding: ScalarEncoding = .plain) -> ByteAutomaton {
        do throws(GrammarError) {
            // However slow the machine is at the moment, these compile.
            var limits = GrammarLimits()
            limits.compileTime = .seconds(3_600)
            guard let automaton = try GrammarBuilder(limits: limits).automaton(expression, encoding) else {
                preconditionFailure("a standard expression matches nothing")
            }
            return automaton.shared
        } catch {
            preconditionFailure("a standard expression does not compile: \(error)")
        }
    }

    private static func byte(_ character: Unicode.Scalar) -> Expression { .byte(UInt8(ascii: character)...UInt8(ascii: character)) }
    private static func range(_ low: Unicode.Scalar, _ high: Unicode.Scalar) -> Expression { .byte(UInt8(ascii: low)...UInt8(ascii: high)) }

    /// One space, or a line break and up to 8 blanks, or nothing.
    static let space = made(
        .optional(
            .alternative([byte(" "), .sequence([byte("\n"), .repetition(.alternative([byte(" "), byte("\t")]), least: 0, most: 8)])])))

    private static let hex: Expression = .alternative([range("0", "9"), range("a", "f"), range("A", "F")])

    /// A JSON string with any escape. Halves of surrogate pairs come in pairs only.
    static let string: ByteAutomaton = {
        let d: Expression = .alternative([byte("d"), byte("D")])
        let unit: Expression = .alternative([
            .sequence([.alternative([range("0", "9"), range("a", "c"), range("e", "f"), range("A", "C"), range("E", "F")]), hex, hex, hex]),
            .sequence([d, range("0", "7"), hex, hex]),
        ])
        let high: Expression = .sequence([d, .alternative([range("8", "9"), range("a", "b"), range("A", "B")]), hex, hex])
        let low: Expression = .sequence([d, .alternative([range("c", "f"), range("C", "F")]), hex, hex])
        let simple: Expression = .alternative(Array("\"\\/bfnrt".utf8).map { .byte($0...$0) })
        let escape: Expression = .sequence([
            byte("\\"),
            .alternative([
                simple, .sequence([byte("u"), .alternative([unit, .sequence([high, byte("\\"), byte("u"), low])])]),
            ]),
        ])
        let plain: Expression = .scalars(ScalarSet([0...0x1F, 0x22...0x22, 0x5C...0x5C]).inverted)
        return made(.sequence([byte("\""), .any(.alternative([plain, escape])), byte("\"")]))
    }()

    /// A JSON string in which each character is written in one way: names of members.
    static let plainString = made(.sequence([byte("\""), .any(.scalars(.all)), byte("\"")]), .json)

    private static let digit = range("0", "9")
    private static let wholeDigits: Expression = .alternative([
        byte("0"), .sequence([range("1", "9"), .repetition(digit, least: 0, most: NumberAutomata.mostDigits - 1)]),
    ])

    static let integer = made(
        .alternative([
            byte("0"),
            .sequence([.optional(byte("-")), range("1", "9"), .repetition(digit, least: 0, most: NumberAutomata.mostDigits - 1)]),
        ]))

    static let number = made(
        .sequence([
            .optional(byte("-")), wholeDigits,
            .optional(.sequence([byte("."), .repetition(digit, least: 1, most: NumberAutomata.mostDigits)])),
            .optional(
                .sequence([
                    .alternative([byte("e"), byte("E")]), .optional(.alternative([byte("+"), byte("-")])), .repetition(digit, least: 1, most: 2),
                ])),
        ]))

    static let boolean = made(.alternative([.text("true"), .text("false")]))
    static let null = made(.text("null"))
}
