@testable import Grammars

extension GrammarLimits {
    /// Tests do not depend on how busy the machine is.
    static let unhurried: GrammarLimits = {
        var limits = GrammarLimits()
        limits.compileTime = .seconds(600)
        return limits
    }()
}
