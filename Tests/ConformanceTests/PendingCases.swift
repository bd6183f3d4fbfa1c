extension FixtureCase {
    /// Fixtures of what is not built yet.
    static let pending: Set<String> = []
}

extension RealBase {
    static let pending: Set<String> = []
}
