extension RouteFiles {
    /// Who may use an adapter whose routing data cannot be read as a whole. Closed when in doubt: a mistake in a file that
    /// says who may use it, or one that cannot be opened, opens the adapter to nobody.
    ///
    /// - Parameter last: what was in force while the files could be read; where that closed the adapter to some, it goes on.
    public func access(
        adapter: String, folder: String, overrides: RouteOverrides, last: RouteAccess?
    ) -> RouteAccess {
        let path = "\(folder)/route.yaml"
        let last = last == .everyone ? nil : last
        var handling = RouteYAML.Handling()
        do throws(RoutingError) {
            let text = try TextFile.read(path, within: folder, limitBytes: limits.fileBytes) ?? ""
            do throws(RoutingError) {
                handling = try RouteYAML.parse(text, place: path).handling
            } catch {
                if Self.speaksOfAccess(text) { return last ?? .nobody }
            }
            if let override = try overrides.override(for: adapter) { handling = override.route.handling.over(handling) }
        } catch {
            let isSilent = overrides.problems(of: adapter).contains { !$0.text.isEmpty && !Self.speaksOfAccess($0.text) }
            return last ?? (isSilent ? handling.handling.access : .nobody)
        }
        return handling.handling.access
    }

    private static func speaksOfAccess(_ text: String) -> Bool { text.contains("allow") || text.contains("deny") }
}
