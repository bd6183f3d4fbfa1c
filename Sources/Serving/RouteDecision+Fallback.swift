import Generation

extension RouteDecision {
    /// What answers after an adapter that was chosen has left or does not load: instead of a canary the adapter that it is to
    /// replace, instead of any other one the base.
    func without(_ adapter: String, timeoutMilliseconds: (String) -> Int?) -> RouteDecision {
        var other = self
        other.notes.unavailable.append(adapter)
        other.notes.canary = nil
        other.notes.isDefault = false
        if let canary = notes.canary, canary.isChosen, canary.adapter == adapter {
            other.adapter = canary.of
            other.notes.timeoutMilliseconds = timeoutMilliseconds(canary.of)
            other.reason = "\(adapter) was drawn, but has been removed or does not load: \(canary.of) answers"
        } else {
            other.adapter = nil
            other.route = .fallback
            other.notes.timeoutMilliseconds = nil
            other.reason = "\(adapter) was chosen, but has been removed or does not load: the base answers"
        }
        return other
    }
}
