import Generation

extension RouteDecision {
    /// What answers after an adapter that was chosen cannot: instead of a canary the adapter that it is to replace, instead of any
    /// other one the base.
    ///
    /// - Parameter code: why it cannot.
    func without(_ adapter: String, _ code: GenerationError.Code, timeoutMilliseconds: (String) -> Int?) -> RouteDecision {
        var other = self
        other.notes.unavailable.append(adapter)
        other.notes.canary = nil
        other.notes.isDefault = false
        let why = code == .adapterUnsuitable ? "cannot answer this request" : "has been removed or does not load"
        if let canary = notes.canary, canary.isChosen, canary.adapter == adapter {
            other.adapter = canary.of
            other.notes.timeoutMilliseconds = timeoutMilliseconds(canary.of)
            other.reason = "\(adapter) was drawn, but \(why): \(canary.of) answers"
        } else {
            other.adapter = nil
            other.route = .fallback
            other.notes.timeoutMilliseconds = nil
            // The conversation leaves its adapter with this turn.
            other.notes.conversation?.stays = false
            other.reason = "\(adapter) was chosen, but \(why): the base answers"
        }
        return other
    }
}
