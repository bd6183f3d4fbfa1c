/// How well lookups have predicted one sequence, by the length of the match.
///
/// Every lookup is scored, also those that were not tried: then its first token is compared with the one that came. So a
/// sequence pays for no attempt to find out that attempts pay.
struct SpeculationRecord {
    private struct Class {
        var tested: Double
        var accepted: Double
    }

    // Matches of 2 tokens, of 3 and 4, and longer ones; the first figures are a guess that soon fades.
    private var classes = (Class(tested: 2, accepted: 0.2), Class(tested: 2, accepted: 0.5), Class(tested: 2, accepted: 1))
    private static let memory = 0.93

    /// Probability that a draft token is right when those before it are.
    func acceptance(matched length: Int) -> Double {
        let own = length <= 2 ? classes.0 : length <= 4 ? classes.1 : classes.2
        return own.accepted / own.tested
    }

    /// - Parameters:
    ///   - right: draft tokens that came.
    ///   - tested: those, and the first that did not.
    mutating func note(matched length: Int, right: Int, tested: Int) {
        func add(_ own: inout Class) {
            for index in 0..<tested {
                own.tested = own.tested * Self.memory + 1
                own.accepted = own.accepted * Self.memory + (index < right ? 1 : 0)
            }
        }
        if length <= 2 { add(&classes.0) } else if length <= 4 { add(&classes.1) } else { add(&classes.2) }
    }
}
