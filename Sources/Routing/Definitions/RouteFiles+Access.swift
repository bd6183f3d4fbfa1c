extension RouteFiles {
    /// Sets which callers may use an adapter, as far as its files can be read. In doubt access is closed: what a file said before stays
    /// in force while it cannot be read, and where nothing is known no caller may use the adapter.
    func setAccess(
        _ adapter: String, _ overrides: RouteOverrides, _ names: Set<String>, _ last: RouteReading?, _ reading: inout RouteReading
    ) {
        reading.wasCertain = last?.wasCertain ?? false
        let relevant = relevantProblems(adapter, overrides, names, wasCertain: reading.wasCertain)
        guard !overrides.isUnknown,
            let own = reading.doubt == nil ? reading.own ?? .init() : Self.inForce(reading.own, reading.ownSpeech),
            let operators = operators(adapter, overrides, relevant)
        else {
            reading.access = .closed
            return
        }
        reading.access = operators.over(own).handling.access
        if reading.doubt == nil, relevant.isEmpty, overrides.problem == nil { reading.wasCertain = true }
    }

    /// Refused files of the operator that come before an understood one and may be about the adapter.
    private func relevantProblems(
        _ adapter: String, _ overrides: RouteOverrides, _ names: Set<String>, wasCertain: Bool
    ) -> [RouteOverrides.Broken] {
        let order = overrides.byAdapter[adapter]?.order ?? .max
        // A file of which nothing is known takes nothing that was certain before it appeared.
        let others = wasCertain ? [] : overrides.broken.filter { overrides.isAboutAnything($0, among: names) }
        return (overrides.problems(of: adapter) + others).filter { $0.order < order }
    }

    /// What the operator says; nil where that is not known.
    private func operators(
        _ adapter: String, _ overrides: RouteOverrides, _ problems: [RouteOverrides.Broken]
    ) -> RouteYAML.Handling? {
        var handling = overrides.byAdapter[adapter]?.route.handling ?? .init()
        for file in problems.reversed() {
            guard let last = Self.inForce(file.last?.handling, file.speech) else { return nil }
            handling = last.over(handling)
        }
        return handling
    }

    /// What counts of a file that cannot be read or is refused: what it said before, unless it may have become narrower; nil where
    /// nothing is known.
    private static func inForce(_ last: RouteYAML.Handling?, _ speech: AccessSpeech) -> RouteYAML.Handling? {
        if let last, last.allow != nil || last.deny != nil { return last }
        switch speech {
        case .speaks: return nil
        case .unknown: return last
        case .silent: return last ?? .init()
        }
    }
}
