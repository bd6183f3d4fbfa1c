/// What can be done to a store.
public enum StoreChange: Sendable {
    /// A new fact. The store gives it an id; the record's own is not read.
    case add(FactRecord)
    /// Other texts, keys and experts for the fact of this id.
    case change(FactRecord)
    case forget(Fact.ID)

    /// About as many bytes as it takes in a file.
    var estimatedBytes: Int {
        switch self {
        case .forget: 80
        case .add(let record), .change(let record):
            record.keys.reduce(4 * record.experts.inner.count + record.fact.answer.utf8.count + 256) {
                $0 + $1.sentence.count + $1.pieces.vectors.count + 10 * $1.pieces.count + 32
            }
        }
    }
}

/// Changes of several callers that wait to be written, and results that wait for their callers. Who holds the writer writes for all.
struct PendingChanges {
    struct Request {
        var ticket: UInt64
        var changes: [StoreChange]
        var estimatedBytes: Int
    }

    typealias Outcome = Result<[Fact.ID], MemoryError>

    private var requests: [Request] = []
    private var outcomes: [UInt64: Outcome] = [:]
    private var nextTicket: UInt64 = 0

    mutating func enqueue(_ changes: [StoreChange]) -> UInt64 {
        defer { nextTicket += 1 }
        requests.append(Request(ticket: nextTicket, changes: changes, estimatedBytes: changes.reduce(0) { $0 + $1.estimatedBytes }))
        return nextTicket
    }

    /// The oldest requests, as many as one write may take, and at least one.
    mutating func take(_ limits: StoreLimits) -> [Request] {
        var (count, bytes, records) = (0, 0, 0)
        for request in requests {
            bytes += request.estimatedBytes
            records += request.changes.count
            guard count == 0 || bytes <= limits.batchBytes && records <= limits.batchRecords else { break }
            count += 1
        }
        defer { requests.removeFirst(count) }
        return Array(requests[..<count])
    }

    mutating func finish(_ ticket: UInt64, _ outcome: Outcome) { outcomes[ticket] = outcome }

    mutating func outcome(_ ticket: UInt64) -> Outcome? { outcomes.removeValue(forKey: ticket) }
}
