import Testing

/// Waits until a condition holds, in polls of 2 ms. Ends with an error after five minutes, since a test that waits for ever would
/// stop all of them. Use it for conditions that stay true: on a busy machine a poll may come seconds late.
public func eventually(
    _ what: Comment, at place: SourceLocation = #_sourceLocation, _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + .seconds(300)
    while try await !condition() {
        try #require(ContinuousClock.now < end, what, sourceLocation: place)
        try await Task.sleep(for: .milliseconds(2))
    }
}
