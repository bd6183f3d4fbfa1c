import JSON
import MergeMethods
import Testing

/// What mergekit's repository at a6e4028 (17 Jun 2026) makes of the same inputs where its bits are not those of 0.1.5.
@Suite("Where mergekit's head differs from 0.1.5")
struct HeadTests {
    @Test("It differs by rounding, in breadcrumbs of few elements, and in nuslerp of vectors of one element; it refuses ties of no element")
    func differences() throws {
        let oracle = try Oracle()
        let cases = Dictionary(uniqueKeysWithValues: oracle.cases.map { ($0.name, $0) })
        let file = try Oracle.file("head")
        var kinds: [String: Int] = [:]
        for row in try Oracle.document("head")["cases"].array() {
            let one = try #require(cases["\(try row["case"].int()).\(try row["shape"].string())"])
            let elements = Double(one.expected.count)
            guard try row["refuses"].optionalString() == nil else {
                // It fails where a density leaves no element; 0.1.5 keeps one, or none at density 0.
                #expect(one.merge.method == .ties)
                #expect(one.merge.terms.contains { ($0.values["density"] ?? 1) * elements < 1 })
                kinds["refused", default: 0] += 1
                continue
            }
            let result = try one.merge.result()
            let head = try Oracle.floats(file, one.name)
            let size = head.reduce(0) { max($0, abs($1)) }
            if zip(result, head).allSatisfy({ abs($0 - $1) <= 5e-7 * size }) {
                kinds["rounding", default: 0] += 1
            } else if one.merge.method == .breadcrumbs || one.merge.method == .breadcrumbsTies {
                // Its slice to the end, `[n:-0]`, is empty: the whole change goes.
                #expect(one.merge.terms.contains { ($0.values["density"] ?? 1) < 1 && ($0.values["gamma"] ?? 0.01) * elements < 1 }, "\(one.name)")
                kinds["breadcrumbs", default: 0] += 1
            } else {
                // Both vectors have one element, so they are parallel; it divides by the sine of their angle.
                #expect(one.merge.method == .nuslerp, "\(one.name)")
                #expect(one.merge.shape.contains(1), "\(one.name)")
                kinds["nuslerp", default: 0] += 1
            }
        }
        #expect(kinds.keys.sorted() == ["breadcrumbs", "nuslerp", "refused", "rounding"])
    }
}
