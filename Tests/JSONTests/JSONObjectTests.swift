import JSON
import Testing

@Suite("Objects")
struct JSONObjectTests {
    @Test("a long series of changes equals that on a plain list")
    func randomChanges() {
        let seed = UInt64.random(in: 0 ... .max)
        print("JSON object seed: \(seed)")
        var random = SplitMix(state: seed)
        var object = JSONObject()
        var list: [(String, JSONValue)] = []
        for step in 0..<3000 {
            let key = "k\(Int.random(in: 0..<60, using: &random))"
            let place = list.firstIndex { $0.0 == key }
            if Int.random(in: 0..<4, using: &random) == 0 {
                object[key] = nil
                if let place { list.remove(at: place) }
            } else {
                object[key] = .integer(Int64(step))
                if let place { list[place].1 = .integer(Int64(step)) } else { list.append((key, .integer(Int64(step)))) }
            }
            #expect(object.count == list.count)
        }
        #expect(object.map(\.key) == list.map(\.0), "seed \(seed)")
        #expect(object.map(\.value) == list.map(\.1), "seed \(seed)")
        for (key, value) in list { #expect(object[key] == value, "seed \(seed)") }
        #expect(object["absent"] == nil)
    }

    @Test("equality does not look at the order")
    func equality() {
        #expect(JSONObject([("a", 1), ("b", 2)]) == JSONObject([("b", 2), ("a", 1)]))
        #expect(JSONObject([("a", 1)]) != JSONObject([("a", 2)]))
        #expect(JSONObject([("a", 1)]) != JSONObject([("a", 1), ("b", 2)]))
    }

    @Test("a vocabulary of 200,000 entries is read and looked up")
    func large() throws {
        let text = "{" + (0..<200_000).map { "\"token\($0)\":\($0)" }.joined(separator: ",") + "}"
        let value = try JSONValue.parse(text)
        #expect(value.objectValue?.count == 200_000)
        #expect(value["token123456"] == 123456)
        #expect(value["token200000"] == nil)
    }
}
