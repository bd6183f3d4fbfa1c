/// Why one attempt failed, and whether another one may succeed.
struct TransferFailure: Error, Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        /// Another attempt would end in the same way.
        case lasting
        /// The server or the connection may be better later. The server may have said when.
        case passing(retryAfterMilliseconds: Int? = nil)
        /// The server could not be reached at all.
        case unreachable
    }

    var kind: Kind
    var error: HubError

    static func lasting(_ error: HubError) -> TransferFailure { TransferFailure(kind: .lasting, error: error) }

    /// Converts what a body throws.
    static func lasting<Value>(_ body: () throws(HubError) -> Value) throws(TransferFailure) -> Value {
        do throws(HubError) {
            return try body()
        } catch {
            throw .lasting(error)
        }
    }
}

/// How often a request is tried, and how long to wait before each attempt.
struct RetryPlan {
    private let limits: HubLimits
    private var failures = 0

    init(_ limits: HubLimits) { self.limits = limits }

    /// Something arrived: the next failure counts as the first.
    mutating func noteProgress() { failures = 0 }

    /// Milliseconds to wait before the next attempt. Errors: that of the failure when there is none.
    mutating func wait(after failure: TransferFailure) throws(HubError) -> Int {
        failures += 1
        let doubled = min(limits.firstWaitMilliseconds << min(failures - 1, 20), limits.longestWaitMilliseconds)
        switch failure.kind {
        case .lasting: throw failure.error
        case .unreachable:
            guard failures < limits.connects else { throw failure.error }
            return doubled
        case .passing(let asked):
            guard failures < limits.attempts else { throw failure.error }
            guard let asked else { return doubled }
            guard asked <= limits.longestRetryAfterMilliseconds else {
                var error = failure.error
                error.message += "; it says to come back in \((asked + 999) / 1000) s"
                throw error
            }
            return max(asked, doubled)
        }
    }
}
