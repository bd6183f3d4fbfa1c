/// What happens while something is fetched, in order.
public enum HubEvent: Sendable {
    /// The revision is this commit.
    case resolved(HubReference, commit: String)
    /// The files that are wanted, and how many bytes of them have to be fetched.
    case planned([HubFile], bytesToFetch: Int)
    /// Another process fetches the same file.
    case waiting(file: String)
    /// A file is being fetched, after `done` bytes that are there from before.
    case started(HubFile, done: Int)
    /// Bytes of all files that had to be fetched, those from before included.
    case progress(done: Int, total: Int)
    /// What was there of a file cannot be used, and it is fetched from its first byte.
    case restarted(file: String, reason: String)
    /// An attempt failed and there will be another one.
    case retry(String, reason: HubError, milliseconds: Int)
    /// A file is in the cache; `isFetched`: it was not before.
    case finished(HubFile, isFetched: Bool)
}
