import Foundation
import JSON
import Testing

@testable import Adapters

/// Against Python's `re` and peft 0.21.2, by the cases of `scripts/fixtures/adapters.py`.
@Suite struct MatchingTests {
    static let document: JSONValue = {
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures/matching.json")
        guard let data = try? Data(contentsOf: url), let document = try? JSONValue.parse(Array(data)) else { return .null }
        return document
    }()
    static let paths = document["paths"]?.arrayValue?.compactMap(\.stringValue) ?? []

    static func cases(_ key: String) -> [JSONValue] { document[key]?.arrayValue ?? [] }

    static func bits(_ flags: [Bool]) -> String { String(flags.map { $0 ? "1" : "0" }) }

    @Test func matchesWhatPythonMatches() throws {
        let cases = Self.cases("expressions")
        #expect(cases.count > 400 && Self.paths.count == 37)
        for entry in cases {
            let pattern = try #require(entry["pattern"]?.stringValue)
            guard let expected = entry["matches"]?.stringValue else {
                #expect(throws: PatternError.self, "Python refuses \(pattern)") { try ModulePattern(pattern) }
                continue
            }
            let compiled = try ModulePattern(pattern)
            #expect(Self.bits(Self.paths.map(compiled.matches)) == expected, "\(pattern)")
        }
    }

    @Test func selectsWhatPeftSelects() throws {
        let cases = Self.cases("selections")
        #expect(cases.count == 150)
        for entry in cases {
            let reader = ConfigurationReader(document: JSONCursor(entry))
            let selection = try reader.selection(defaults: [])
            #expect(Self.bits(Self.paths.map { selection.contains($0) }) == entry["matches"]?.stringValue, "\(entry.serialized())")
        }
    }

    @Test func findsThePatternThatPeftFinds() throws {
        let cases = Self.cases("tables")
        #expect(cases.count == 120)
        for entry in cases {
            let keys = entry["keys"]?.arrayValue?.compactMap(\.stringValue) ?? []
            let table = try PatternTable(keys.enumerated().map { (key: $1, value: $0) })
            let found = Self.paths.map { table.value(for: $0) ?? -1 }
            #expect(found == entry["found"]?.arrayValue?.compactMap(\.intValue), "\(keys)")
        }
    }

    @Test(arguments: [
        ("(?!lm_head).*", "lookahead"), ("(?<=x)y", "lookahead"), (#"(a)\1"#, "back-references"), ("(?i)Q_PROJ", "inline flags"),
        ("a*+", "possessive"), ("(?>a)", "special groups"), ("q_proj\u{00E9}", "no module path"), ("a{1001}", "1000"),
        (#"\x41"#, "escape"), ("(((a{500}){500}){500})", "too large"), ("((((){900}){900}){900}){900}", "too large"),
        (String(repeating: "(", count: 60) + String(repeating: ")", count: 60), "nested deeper"),
        (String(repeating: "a", count: 9_000), "9000 bytes"), ("[z-a]", "bad range"), ("(", "without its end"), (")", "unbalanced"),
    ])
    func refusesByName(pattern: String, reason: String) {
        let error = #expect(throws: PatternError.self) { try ModulePattern(pattern) }
        #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
    }

    /// A backtracking matcher needs 2^40 steps and more for these, and would not end.
    @Test(arguments: ["(a+)+$", "(a|a)*b", "(.*)*(.*)*x", "((a*)*)*b", "(a?){40}a{40}"])
    func isLinearWhereBacktrackingExplodes(pattern: String) throws {
        let compiled = try ModulePattern(pattern)
        let path = String(repeating: "a", count: 2_000) + "c"
        #expect(!compiled.matches(path))
    }

    @Test func manyFullPathsNeedNoPrograms() throws {
        let keys = (0..<5_000).map { (key: "model.layers.\($0).mlp.up_proj", value: $0) }
        let table = try PatternTable(keys)
        #expect(table.value(for: "model.layers.4999.mlp.up_proj") == 4_999)
        #expect(table.value(for: "model.layers.5000.mlp.up_proj") == nil)
        #expect(throws: PatternError.self) { try PatternTable((0..<10_001).map { (key: "k\($0)", value: $0) }) }
        #expect(throws: PatternError.self) { try PatternTable((0..<100).map { (key: "(\(String(repeating: "a", count: 90))|\($0))", value: $0) }) }
    }

    @Test func namesTargetsThatMeanNothing() throws {
        let selection = ModuleSelection(targets: .list(["q_proj", "c_attn", "mlp.up_proj", "proj"]))
        #expect(selection.unusedTargets(among: Self.paths) == ["c_attn", "proj"])
    }
}
