import Foundation
import Testing

/// Routing over the real adapters with the real encoder.
@Suite struct RouteTests {
    @Test func aTaskForTheShellGoesToBash() throws {
        let run = try Invocation("route", "--explain", "list all files larger than 10 MB under /var")
        #expect(run.status == 0)
        #expect(run.output.hasPrefix("bash  (matched)\n"))
        for part in ["nearest example", "probability", "threshold", "tokenize", "embed", "search", "total"] {
            #expect(run.output.contains(part), "\(part) is missing")
        }
    }

    @Test func aSonnetFallsBackToTheBase() throws {
        let run = try Invocation("route", "write me a sonnet about rain")
        #expect(run.status == 0)
        #expect(run.output == "base\n")
        let required = try Invocation("route", "--require-match", "write", "me", "a", "sonnet", "about", "rain")
        #expect(required.status == 3)
        #expect(required.output == "base\n")
    }

    @Test func theExplanationHasTheShapeOfTheInterface() throws {
        let run = try Invocation("route", "--json", "--top", "2", "how many rivers run through texas")
        let json = try run.json()
        #expect(json["adapter"] as? String == "sql")
        #expect(json["route"] as? String == "matched")
        for key in ["reason", "probability", "margin", "threshold", "text", "encoder"] {
            #expect(json[key] != nil, "\(key) is missing")
        }
        let candidates = try #require(json["candidates"] as? [[String: Any]])
        #expect(candidates.count == 2)
        #expect(candidates[0]["adapter"] as? String == "sql")
        let nearest = try #require(candidates[0]["nearest"] as? [[String: Any]])
        #expect(nearest.first?["text"] is String && nearest.first?["similarity"] is Double)
        let timings = try #require(json["timings_us"] as? [String: Double])
        #expect(Set(timings.keys) == ["tokenize", "embed", "search", "total"])
    }

    @Test func linesOfStandardInputAreRoutedOneByOne() throws {
        let run = try Invocation(
            "route", input: Data("count the lines of all python files\nwrite me a sonnet about rain\n".utf8))
        #expect(run.output == "bash\tcount the lines of all python files\nbase\twrite me a sonnet about rain\n")
    }
}
