import JSON
import Testing

@Suite("Parsing")
struct ParseTests {
    static let documents: [(String, JSONValue)] = [
        ("null", JSONValue.null), ("true", true), (" false ", false), ("0", 0), ("-7", -7), ("1.0", 1.0), ("2.5e3", 2500.0),
        ("\"\"", ""), ("[]", []), ("{}", [:]), ("[1,\"a\",null,[true]]", [1, "a", nil, [true]]),
        ("{\"a\":{\"b\":[]}}", ["a": ["b": []]]),
    ]

    @Test("every kind of value is read", arguments: documents)
    func kinds(text: String, expected: JSONValue) throws {
        #expect(try JSONValue.parse(text) == expected)
    }

    @Test("integers beyond 64 bits keep their digits, and are doubles for those who compute")
    func integers() throws {
        #expect(try JSONValue.parse("9223372036854775807") == .integer(.max))
        #expect(try JSONValue.parse("-9223372036854775808") == .integer(.min))
        #expect(try JSONValue.parse("9223372036854775808") == .longInteger("9223372036854775808"))
        #expect(try JSONValue.parse("-9223372036854775809").doubleValue == -9223372036854775808)
        #expect(
            try JSONValue.parse("[18446744073709551615, \"99999999999999999999\", 1, 123456789012345678901234567890]")
                == [.longInteger("18446744073709551615"), "99999999999999999999", 1, .longInteger("123456789012345678901234567890")])
        #expect(try JSONValue.parse("1000000000000000000000.5e1") == .number(1e22))
        #expect(try JSONValue.parse("1.99999999999999999999") == .number(2))
        let long = #"{"maximum":100000000000000000000,"minimum":-123456789012345678901234567890}"#
        #expect(try JSONValue.parse(long).serialized() == long)
        #expect(failure("{99999999999999999999:1}") != nil, "a number is no key")
    }

    @Test("a number beyond a double is an error, and an integer of more than 4,300 digits")
    func overflow() throws {
        #expect(failure("1e999")?.code == .numberOutOfRange)
        #expect(failure(String(repeating: "9", count: 4_301))?.code == .numberOutOfRange)
        #expect(try JSONValue.parse(String(repeating: "9", count: 400)).doubleValue == nil)
    }

    @Test("a NUL in a key is kept, in a value too, and keys that differ by it are two")
    func nulInKeys() throws {
        let value = try JSONValue.parse(#"{"a\u0000b":1, "a":2, "\u0000" : "\u0000", "a\u0000":{"\u0000\u0000":3}, "":4}"#)
        #expect(value.objectValue?.keys == ["a\0b", "a", "\0", "a\0", ""])
        #expect(value["a\0b"] == 1 && value["\0"] == "\0" && value["a\0"]?["\0\0"] == 3)
        #expect(try JSONValue.parse(value.serialized()) == value)
        #expect(failure(#"{"\u0000":x}"#)?.position?.offset == 10)
    }

    @Test("a NUL byte is refused wherever it stands", arguments: [
        "1\0", "1.5\0", "true\0", "null\0", "\"a\"\0", "{}\0", "[1\0]", "[1,\0 2]", "{\"a\":1\0}", "{\"a\"\0:1}", "\0", "\01", "\"a\0\"",
        "1 \0", "99999999999999999999\0", "[true\0,1]",
    ])
    func nulBytes(text: String) {
        #expect(failure(text)?.code == .syntax)
    }

    @Test("a byte order mark before a document is skipped, and nowhere else")
    func byteOrderMark() throws {
        #expect(try JSONValue.parse("\u{feff}{\"a\":1}") == ["a": 1])
        #expect(failure("\u{feff}")?.code == .syntax)
        #expect(failure("\u{feff}\u{feff}1")?.code == .syntax)
        #expect(failure("1\u{feff}")?.code == .syntax)
        let error = failure("\u{feff}[x]")
        #expect(error?.position == .init(offset: 4, line: 1, column: 2))
    }

    @Test("more elements and members than allowed are refused before the document is built")
    func elements() throws {
        func isAllowed(_ text: String, _ count: Int) -> Bool { (try? JSONValue.parse(text, maxElements: count)) != nil }
        #expect(isAllowed("[1,2,3]", 3) && !isAllowed("[1,2,3]", 2))
        #expect(isAllowed("{\"a\":[1],\"b\":2}", 3) && !isAllowed("{\"a\":[1],\"b\":2}", 2))
        // Commas in strings are no elements.
        #expect(isAllowed("\"\(String(repeating: ",[{", count: 100))\"", 0))
        let many = "{" + (0..<5_000).map { "\"\($0)\":0" }.joined(separator: ",") + "}"
        #expect(throws: JSONError.self) { try JSONValue.parse(many, maxElements: 4_999) }
        let error = failure(many, maxElements: 1_000)
        #expect(error?.code == .tooMany)
        #expect(error?.message == "arrays and objects have more than 1000 elements in all")
    }

    @Test("the last of two equal keys wins, and keys differ by their bytes")
    func keys() throws {
        let value = try JSONValue.parse("{\"a\":1,\"b\":2,\"a\":3}")
        #expect(value.objectValue?.keys == ["a", "b"])
        #expect(value["a"] == 3)
        let spellings = try JSONValue.parse("{\"\\u00e9\":1,\"e\\u0301\":2}")
        #expect(spellings.objectValue?.count == 2)
        #expect(spellings["\u{e9}"] == 1)
        #expect(spellings["e\u{301}"] == 2)
    }

    @Test("escapes are resolved, and NUL may stand in a string")
    func escapes() throws {
        #expect(
            try JSONValue.parse(#""\"\\\/\b\f\n\r\t\u0041\ud83d\ude00\u0000é""#)
                == "\"\\/\u{8}\u{c}\n\r\tA😀\0é")
    }

    @Test("what is not JSON is refused", arguments: [
        "", " ", "nul", "[1,]", "{\"a\":}", "{a:1}", "[1 2]", "\"abc", "01", "+1", ".5", "1.", "'a'", "1 2", "[1]]",
        "\"\n\"", #""\x""#, #""\ud800""#, #""\udc00 ""#, #""\ud800\u0041""#, "NaN", "Infinity", "[", "\"\\",
        "099999999999999999999", "99999999999999999999a", "-", "--99999999999999999999", "1.e99999999999999999999",
    ])
    func refused(text: String) {
        #expect(failure(text)?.code == .syntax)
    }

    @Test("an error has its line, its column in code points and its offset in bytes")
    func positions() {
        let error = failure("{\n  \"é\": 1,\n  \"ü\": x\n}")
        #expect(error?.position?.line == 3)
        #expect(error?.position?.column == 8)
        #expect(error.map { "\($0)" }?.hasPrefix("line 3, column 8: ") == true)
        // The same behind an integer that is rewritten on the way.
        let moved = failure("[99999999999999999999,\n  x]")
        #expect(moved?.position == failure("[1111111111,111111111,\n  x]")?.position)
    }

    @Test("bytes that are not UTF-8 are refused with their offset", arguments: [
        [0xFF], [0xC0, 0x80], [0xC3], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xF4, 0x90, 0x80, 0x80],
        [0x80], [0xE2, 0x82], [0xF0, 0x9F, 0x98], [0x5C, 0xFF],
    ] as [[UInt8]])
    func invalidUTF8(bytes: [UInt8]) {
        let text = Array("[1,\n\"é".utf8) + bytes + Array("\"]".utf8)
        let error = failure(text)
        #expect(error?.code == .invalidUTF8)
        let offset = 7 + (bytes[0] == 0x5C ? 1 : 0)
        #expect(error?.position == .init(offset: offset, line: 2, column: offset - 4))
    }

    @Test("10,000 levels are an error with a place, not a crash, and the allowed depth is exact")
    func depth() throws {
        let deep = String(repeating: "[", count: 10_000)
        #expect(failure(deep)?.code == .tooDeep)
        #expect(failure(deep)?.position?.offset == 128)
        #expect(failure(String(repeating: "{\"a\":", count: 10_000))?.code == .tooDeep)
        func nested(_ levels: Int) -> String {
            String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
        }
        _ = try JSONValue.parse(nested(128))
        #expect(failure(nested(129))?.code == .tooDeep)
        _ = try JSONValue.parse(nested(3), maxDepth: 3)
        #expect(throws: JSONError.self) { try JSONValue.parse(nested(4), maxDepth: 3) }
        _ = try JSONValue.parse(nested(1000), maxDepth: .max)
        #expect(throws: JSONError.self) { try JSONValue.parse(nested(1001), maxDepth: .max) }
        // Brackets in strings are no levels.
        #expect(try JSONValue.parse("\"\(String(repeating: "[\\\"", count: 500))\"").stringValue?.count == 1000)
    }

    @Test("random changes to a document give a value or an error")
    func mutations() {
        let seed = UInt64.random(in: 0 ... .max)
        print("JSON mutation seed: \(seed)")
        var random = SplitMix(state: seed)
        let document = Array(#"{"a":[1,-2.5e3,"x\u00e9\ud83d\ude00é",{"b":null,"c":[true,false]}],"d":99999999999999999999,"n\u0000":0}"#.utf8)
        for _ in 0..<5000 {
            var bytes = document
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = .random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                default: bytes.insert(.random(in: 0...255, using: &random), at: index)
                }
            }
            if let value = try? JSONValue.parse(bytes) {
                #expect((try? JSONValue.parse(value.serializedBytes())) == value, "seed \(seed)")
            }
        }
    }

    private func failure(_ text: String, maxElements: Int = .max) -> JSONError? {
        failure(Array(text.utf8), maxElements: maxElements)
    }

    private func failure(_ bytes: [UInt8], maxElements: Int = .max) -> JSONError? {
        do throws(JSONError) {
            _ = try JSONValue.parse(bytes, maxElements: maxElements)
            return nil
        } catch {
            return error
        }
    }
}

/// Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014).
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
