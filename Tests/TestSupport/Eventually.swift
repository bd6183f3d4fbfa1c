import Testing

/// Waits until a condition holds, in polls of 2 ms. Ends with an error after five minutes, since a test that waits for ever would
/// stop all of them. Use it for conditions that stay true: on a busy machine a poll may come seconds late.
public func eventually(
    _ what: Comment, at place: SourceLocation = #_sourceLocation, _ condition: () async throws -> Bool
) async throws {
    try #require(try await holds(condition), what, sourceLocation: place)
}

/// The same, for callers that say themselves what was expected: false after five minutes.
public func holds(_ condition: () async throws -> Bool) async throws -> Bool {
    let end = ContinuousClock.now + .seconds(300)
    while try await !condition() {
        guard ContinuousClock.now < end else { return false }
        try await Task.sleep(for: .milliseconds(2))
    }
    return true
}
