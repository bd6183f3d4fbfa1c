import Testing

/// How long a test waits for what must come. It is longer than all tests take together on a busy machine: they begin at the same time, and
/// one that waits may get the processor only after those that compute.
public let patience = Duration.seconds(1_200)

/// Waits until a condition holds, in polls of 2 ms. Ends with an error when `patience` is over, since a test that waits for ever would
/// stop all of them. Use it for conditions that stay true: on a busy machine a poll may come minutes late.
public func eventually(
    _ what: Comment, at place: SourceLocation = #_sourceLocation, _ condition: () async throws -> Bool
) async throws {
    try #require(try await holds(condition), what, sourceLocation: place)
}

/// The same, for callers that say themselves what was expected: false when `patience` is over.
public func holds(_ condition: () async throws -> Bool) async throws -> Bool {
    let end = ContinuousClock.now + patience
    while try await !condition() {
        guard ContinuousClock.now < end else { return false }
        try await Task.sleep(for: .milliseconds(2))
    }
    return true
}
