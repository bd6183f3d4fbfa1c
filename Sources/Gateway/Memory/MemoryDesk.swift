internal import Dispatch
internal import Foundation
import Generation
internal import Memory
internal import Models
import OpenAIAPI
internal import Synchronization

/// Tells, changes and forgets facts for `/v1/memories`, on a thread of its own, in the time that serving leaves.
///
/// Facts of requests that wait for the same memory are written together.
final class MemoryDesk: MemoryService {
    let limits = MemoryLimits()
    private let library: AdapterLibrary
    private let tellers: TellerShelf
    private let interruption: Interruption
    private var queue: DispatchQueue { tellers.queue }
    private let waiting = Mutex(Waiting())
    /// Facts that may wait.
    private let capacity: Int
    private let counted = Mutex<@Sendable (_ memory: String, FactOutcome, _ count: Int) -> Void>({ _, _, _ in })

    private struct Order {
        var memory: String
        var facts: [ToldFact]
        var onConflict: ToldFact.Conflict
        var continuation: CheckedContinuation<[Result<(fact: RememberedFact, outcome: ToldFact.Outcome), APIError>], any Error>
    }

    private struct Waiting {
        var orders: [Order] = []
        var facts = 0
        var isStopped = false
    }

    /// - Parameter capacity: facts that may wait while others are written.
    init(_ library: AdapterLibrary, _ tellers: TellerShelf, interruption: Interruption, capacity: Int = 4_096) {
        self.library = library
        self.tellers = tellers
        self.interruption = interruption
        self.capacity = capacity
    }

    func memories() async throws -> [String] {
        let shelf = library.shelf
        return shelf.names.filter { name in shelf.entries[name]?.family == MemoryStoreFamily.name }
    }

    func tell(
        _ memory: String, _ facts: [ToldFact], onConflict: ToldFact.Conflict
    ) async throws -> [Result<(fact: RememberedFact, outcome: ToldFact.Outcome), APIError>] {
        try await withCheckedThrowingContinuation { continuation in
            let order = Order(memory: memory, facts: facts, onConflict: onConflict, continuation: continuation)
            let refusal = waiting.withLock { waiting -> APIError? in
                if waiting.isStopped { return APIError(.draining, "The server is stopping.", retryAfterSeconds: 5) }
                guard waiting.facts + facts.count <= capacity else {
                    return APIError(.overloaded, "\(waiting.facts) facts wait to be written.", retryAfterSeconds: 5)
                }
                waiting.orders.append(order)
                waiting.facts += facts.count
                return nil
            }
            if let refusal {
                count(memory, FactOutcome(refusal), facts.count)
                return continuation.resume(throwing: refusal)
            }
            queue.async { [self] in writeNext() }
        }
    }

    func facts(
        _ memory: String, after: UInt64?, limit: Int, containing text: String?
    ) async throws -> (facts: [RememberedFact], hasMore: Bool) {
        try await run { [self] in
            let snapshot = try tellers.memory(try folder(memory)).snapshot
            var (found, place) = ([RememberedFact](), after)
            while let id = snapshot.id(after: place) {
                place = id
                guard let fact = try snapshot.fact(id) else { continue }
                if let text, ![fact.question, fact.answer].contains(where: { $0.localizedCaseInsensitiveContains(text) }) { continue }
                if found.count == limit { return (found, true) }
                found.append(fact.remembered(in: memory))
            }
            return (found, false)
        }
    }

    func fact(_ memory: String, _ id: UInt64) async throws -> RememberedFact {
        try await run { [self] in try stored(memory, id) }
    }

    func change(_ memory: String, _ id: UInt64, _ change: FactChange) async throws -> RememberedFact {
        try await counting(memory, .changed) { [self] in
            let teller = try tellers.teller(try folder(memory))
            guard try teller.change(id, change) != nil else { throw Self.stopping }
            return try stored(memory, id)
        }
    }

    func forget(_ memory: String, _ ids: [UInt64]) async throws {
        try await counting(memory, .forgotten) { [self] in
            let store = try tellers.teller(try folder(memory)).memory
            for id in ids where !store.snapshot.contains(id) { throw Self.missing(memory, id) }
            try store.forget(ids)
        }
    }

    /// What is being written is dropped; nothing of it was acknowledged.
    func stop() async {
        let orders = waiting.withLock { waiting in
            defer { waiting.orders = [] }
            waiting.isStopped = true
            return waiting.orders
        }
        for order in orders { order.continuation.resume(throwing: Self.stopping) }
        interruption.set()
        await withCheckedContinuation { continuation in queue.async { continuation.resume() } }
    }

    // MARK: Counting

    /// - Parameter counted: told what becomes of facts, on any thread.
    func observe(_ counted: @escaping @Sendable (_ memory: String, FactOutcome, _ count: Int) -> Void) {
        self.counted.withLock { $0 = counted }
    }

    /// Facts that wait to be written.
    var waitingFacts: Int { waiting.withLock { $0.facts } }

    /// Of the memories that are open. The first question or fact of a memory opens it.
    func storedFacts() -> [(memory: String, count: Int)] {
        let shelf = library.shelf
        return shelf.names.compactMap { name in
            guard let entry = shelf.entries[name], entry.family == MemoryStoreFamily.name else { return nil }
            return tellers.openMemory(entry.folder).map { (name, $0.snapshot.count) }
        }
    }

    private func count(_ memory: String, _ outcome: FactOutcome?, _ count: Int) {
        guard let outcome else { return }
        counted.withLock { $0 }(memory, outcome, count)
    }

    private func counting<Value: Sendable>(
        _ memory: String, _ outcome: FactOutcome, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        do {
            let value = try await run(body)
            count(memory, outcome, 1)
            return value
        } catch {
            count(memory, (error as? APIError).flatMap { FactOutcome($0) }, 1)
            throw error
        }
    }

    // MARK: On the queue

    private func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async {
                continuation.resume(
                    with: Result {
                        do {
                            return try body()
                        } catch let error as MemoryError {
                            throw APIError(error)
                        }
                    })
            }
        }
    }

    /// The oldest order, and those behind it that are of its kind, up to a batch of facts.
    private func take() -> [Order] {
        waiting.withLock { waiting in
            guard let first = waiting.orders.first else { return [] }
            var (taken, rest, count) = ([Order](), [Order](), 0)
            for order in waiting.orders {
                let fits = order.memory == first.memory && order.onConflict == first.onConflict
                if fits, taken.isEmpty || count + order.facts.count <= MemoryTeller.batch {
                    taken.append(order)
                    count += order.facts.count
                } else {
                    rest.append(order)
                }
            }
            waiting.orders = rest
            waiting.facts -= count
            return taken
        }
    }

    private func writeNext() {
        let orders = take()
        guard let first = orders.first else { return }
        do {
            let teller = try tellers.teller(try folder(first.memory))
            guard var results = try teller.tell(orders.flatMap(\.facts), onConflict: first.onConflict)?[...] else { throw Self.stopping }
            for order in orders {
                let own = results.prefix(order.facts.count)
                results = results.dropFirst(order.facts.count)
                let outcomes = own.map { told(order.memory, $0) }
                for outcome in outcomes { count(order.memory, FactOutcome(outcome), 1) }
                order.continuation.resume(returning: outcomes)
            }
        } catch {
            let failure = (error as? MemoryError).map { APIError($0) } ?? error
            for order in orders {
                count(order.memory, (failure as? APIError).flatMap { FactOutcome($0) }, order.facts.count)
                order.continuation.resume(throwing: failure)
            }
        }
    }

    private func told(
        _ memory: String, _ result: Result<ToldOutcome, MemoryError>
    ) -> Result<(fact: RememberedFact, outcome: ToldFact.Outcome), APIError> {
        switch result {
        case .failure(let error): return .failure(APIError(error))
        case .success(let outcome):
            do {
                return .success((try stored(memory, outcome.id), outcome.outcome))
            } catch {
                return .failure((error as? APIError) ?? APIError(failed: "the fact cannot be read", cause: "\(error)"))
            }
        }
    }

    private func stored(_ memory: String, _ id: UInt64) throws -> RememberedFact {
        guard let fact = try tellers.memory(try folder(memory)).snapshot.fact(id) else { throw Self.missing(memory, id) }
        return fact.remembered(in: memory)
    }

    private func folder(_ memory: String) throws(APIError) -> String {
        guard let folder = library.shelf.entries[memory]?.folder else {
            throw APIError(.modelNotFound, "There is no memory `\(memory)`.", param: "memory")
        }
        return folder
    }

    private static var stopping: APIError { APIError(.draining, "The server is stopping.", retryAfterSeconds: 5) }

    private static func missing(_ memory: String, _ id: UInt64) -> APIError {
        APIError(.factNotFound, "There is no fact `\(memory):\(id)`.", param: "id")
    }
}

extension Fact {
    /// As clients see it.
    func remembered(in memory: String) -> RememberedFact {
        RememberedFact(
            id: id, memory: memory, question: question, paraphrases: wordings, answer: answer, source: source, createdAt: Int(clamping: created))
    }
}

extension APIError {
    /// What a memory refused, for a client.
    init(_ error: MemoryError) {
        switch error.code {
        case .invalid, .notLearned: self.init(.invalidRequest, error.message, param: error.place)
        case .conflict: self.init(.factConflict, error.message, param: error.place)
        case .notFound: self.init(.factNotFound, error.message, param: "id")
        case .full: self.init(.quotaExceeded, error.message)
        case .malformed, .mismatched, .unavailable: self.init(failed: "the memory cannot be used", cause: error.description)
        }
    }
}
