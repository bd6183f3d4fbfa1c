import Routing

/// Microseconds of routing decisions, the median of several texts.
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
        var timings: [RouteDecision.Timings] = []
        for round in 0...repeats {
            for text in Self.texts {
                let decision = try router.decide(RouteQuery(text: text))
                // The first round warms up.
                if round > 0 { timings.append(decision.timings) }
            }
        }
        func median(_ key: (RouteDecision.Timings) -> Double) -> Double {
            let sorted = timings.map(key).sorted()
            return sorted[sorted.count / 2]
        }
        tokenize = median(\.tokenizeMicroseconds)
        embed = median(\.embedMicroseconds)
        search = median(\.searchMicroseconds)
        total = median(\.totalMicroseconds)
        adapters = router.routableAdapters.count
    }
}
