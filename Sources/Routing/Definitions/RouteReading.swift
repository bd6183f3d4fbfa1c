/// What one look at an adapter's routing files found, and what the next look needs to know of it.
public struct RouteReading: Sendable {
    /// nil when its routing data cannot be used.
    public internal(set) var definition: RouteDefinition?
    /// Why it cannot.
    public internal(set) var problem: RoutingError?
    /// Which callers may use the adapter: as the files say, and while they cannot be read, as they said before. Closed when that is not
    /// known.
    public internal(set) var access = RouteAccess.open
    /// Why `access` or `definition` may be out of date: something could not be read, and what was known before is in force.
    public internal(set) var doubt: RoutingError?
    /// The system refused to read something: another look may succeed though no file changed.
    public internal(set) var isWorthRetrying = false

    /// What the adapter's own file said when it was last understood.
    var own: RouteYAML.Handling?
    /// What `doubt` leaves open, where it is about the adapter's own file.
    var ownSpeech = AccessSpeech.silent
    /// Everything about access was certain once.
    var wasCertain = false

    init() {}
}
