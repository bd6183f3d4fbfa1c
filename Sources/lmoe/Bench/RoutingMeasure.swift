import Generation
import Routing

/// Microseconds of routing decisions over the adapters of the folder, the median of several texts.
struct RoutingMeasure {
    let tokenize: Double
    let embed: Double
    let search: Double
    let total: Double
    let adapters: Int

    private static let texts = [
        "list all files larger than 10 MB under /var", "how many rivers run through texas", "write me a sonnet about rain",
        "Natalia sold clips to 48 of her friends in April, and then half as many in May. How many did she sell altogether?",
        "name[The Eagle], food[French], priceRange[cheap], area[riverside]", "what is the weather like tomorrow",
    ]

    init(_ router: Router, repeats: Int) throws {
        let timings = try Self.timings(router, repeats: repeats)
        tokenize = Samples(timings.map(\.tokenizeMicroseconds)).median
        embed = Samples(timings.map(\.embedMicroseconds)).median
        search = Samples(timings.map(\.searchMicroseconds)).median
        total = Samples(timings.map(\.totalMicroseconds)).median
        adapters = router.routableAdapters.count
    }

    /// Of each text, `repeats` times after a round that warms up.
    static func timings(_ router: Router, repeats: Int) throws -> [RouteDecision.Timings] {
        var timings: [RouteDecision.Timings] = []
        for round in 0...repeats {
            for text in texts {
                let decision = try router.decide(RouteQuery(text: text))
                if round > 0 { timings.append(decision.timings) }
            }
        }
        return timings
    }
}
