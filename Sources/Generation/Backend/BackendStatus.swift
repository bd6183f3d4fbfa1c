/// A backend's health and figures at one moment.
public struct BackendStatus: Sendable, Equatable {
    public enum Health: Sendable, Equatable {
        case ready
        /// It finishes what runs and takes nothing new.
        case draining
        /// It cannot answer now, for this reason.
        case unavailable(String)
    }

    /// One figure of the backend, for `/metrics`.
    public struct Figure: Sendable, Equatable {
        /// Like `prompt_tokens`: small letters, digits and underscores. A backend gives the same names each time.
        public var name: String
        /// What it counts, for people.
        public var help: String
        public var value: Double

        public init(_ name: String, _ value: Double, help: String) {
            self.name = name
            self.help = help
            self.value = value
        }
    }

    public var health: Health
    /// Accepted requests that do not run yet.
    public var queuedRequests: Int
    /// Sequences that generate now.
    public var activeSequences: Int
    /// Everything that it counts, in the order in which it is shown.
    public var figures: [Figure]

    public init(_ health: Health = .ready, queuedRequests: Int = 0, activeSequences: Int = 0, figures: [Figure] = []) {
        self.health = health
        self.queuedRequests = queuedRequests
        self.activeSequences = activeSequences
        self.figures = figures
    }
}
