internal import Dispatch
internal import Foundation
import Generation
internal import Memory
internal import Models
import OpenAIAPI
internal import Serving
internal import Synchronization

/// Tells, changes and forgets facts for `/v1/memories`, on a thread of its own, in the time that serving leaves.
///
/// Facts of requests that wait for the same memory are written together.
final class MemoryDesk: MemoryService {
    let limits: MemoryLimits
    private let library: AdapterLibrary
    private let tellers: TellerShelf
    private let interruption: Interruption
    private var queue: DispatchQueue { tellers.queue }
    /// Reads facts: no list waits for what is being written, and none holds that up.
    private let reading: WorkQueue
    private let waiting: Mutex<Waiting>
    private let counted = Mutex<@Sendable (_ memory: String, FactOutcome, _ count: Int) -> Void>({ _, _, _ in })

    private struct Waiting {
        var queue: FactQueue
        var pace = BatchPace()
        /// A turn on the queue is on its way.
        var isScheduled = false
        var isStopped = false
    }

    init(_ library: AdapterLibrary, _ tellers: TellerShelf, interruption: Interruption, limits: MemoryLimits = MemoryLimits()) {
        self.limits = limits
        self.library = library
        self.tellers = tellers
        self.interruption = interruption
        reading = WorkQueue("lmoe.memory.reading", capacity: limits.readers, purpose: "to read facts")
        waiting = Mutex(Waiting(queue: FactQueue(capacity: limits.waiting)))
    }

    func memories() async throws -> [String] {
        let shelf = library.shelf
        return shelf.names.filter { name in shelf.entries[name]?.family == MemoryStoreFamily.name }
    }

    func tell(_ memory: String, _ facts: [ToldFact], onConflict: ToldFact.Conflict) async throws -> [FactQueue.Told] {
        try await withCheckedThrowingContinuation { continuation in
            let order = FactQueue.Order(
                memory: memory, facts: facts, onConflict: onConflict, answer: { continuation.resume(with: $0) })
            let refusal = waiting.withLock { waiting -> APIError? in
                if waiting.isStopped { return Self.stopping }
                return waiting.queue.add(order)
                    ? nil : APIError(.overloaded, "\(waiting.queue.count) facts wait to be written.", retryAfterSeconds: 5)
            }
            if let refusal {
                count(memory, FactOutcome(refusal), facts.count)
                return continuation.resume(throwing: refusal)
            }
            schedule()
        }
    }

    func facts(_ memory: String, after: UInt64?, limit: Int, containing text: String?) async throws -> FactPage {
        try await read { [self] isAbandoned in
            let snapshot = try tellers.memory(try folder(memory)).snapshot
            var (found, place, looked) = ([RememberedFact](), after, 0)
            while let id = snapshot.id(after: place) {
                if looked == limits.scanned || (text == nil && found.count == limit) { return FactPage(facts: found, next: place) }
                looked += 1
                if looked.isMultiple(of: 256), isAbandoned() { throw CancellationError() }
                guard let fact = try snapshot.fact(id), text.map({ fact.mentions($0) }) ?? true else {
                    place = id
                    continue
                }
                if found.count == limit { return FactPage(facts: found, next: place) }
                place = id
                found.append(fact.remembered(in: memory))
            }
            return FactPage(facts: found, next: nil)
        }
    }

    func fact(_ memory: String, _ id: UInt64) async throws -> RememberedFact {
        try await read { [self] _ in try stored(memory, id) }
    }

    func change(_ memory: String, _ id: UInt64, _ change: FactChange) async throws -> RememberedFact {
        try await counting(memory, .changed) { [self] in
            let teller = try tellers.teller(try folder(memory))
            let changed = try tellers.writing { () throws(MemoryError) in try teller.change(id, change) }
            guard changed != nil else { throw Self.stopping }
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
            waiting.isStopped = true
            return waiting.queue.removeAll()
        }
        for order in orders { order.answer(.failure(Self.stopping)) }
        interruption.set()
        await withCheckedContinuation { continuation in queue.async { continuation.resume() } }
    }

    // MARK: Counting

    /// - Parameter counted: told what becomes of facts, on any thread.
    func observe(_ counted: @escaping @Sendable (_ memory: String, FactOutcome, _ count: Int) -> Void) {
        self.counted.withLock { $0 = counted }
    }

    /// Facts that wait to be written.
    var waitingFacts: Int { waiting.withLock { $0.queue.count } }

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
            queue.async { continuation.resume(with: Result { try Self.asking(body) }) }
        }
    }

    /// On the queue that reads.
    private func read<Value: Sendable>(
        _ body: @escaping @Sendable (_ isAbandoned: @escaping @Sendable () -> Bool) throws -> Value
    ) async throws -> Value {
        try await reading.runWhileWanted { isAbandoned in try Self.asking { try body(isAbandoned) } }
    }

    /// What a memory refuses becomes an error for a client.
    private static func asking<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as MemoryError {
            throw APIError(error)
        }
    }

    /// One turn at a time, behind what else waits for the queue: a fact is forgotten between two batches.
    private func schedule() {
        let isDue = waiting.withLock { waiting in
            guard !waiting.isScheduled, !waiting.queue.isEmpty else { return false }
            waiting.isScheduled = true
            return true
        }
        if isDue { queue.async { [self] in writeNext() } }
    }

    private func writeNext() {
        let taken = waiting.withLock { $0.queue.take($0.pace.most) }
        var rest: [FactQueue.Order] = []
        if let first = taken.first?.order {
            let (facts, start) = (taken.flatMap { $0.order.rest.prefix($0.count) }, ContinuousClock.now)
            do {
                let teller = try tellers.teller(try folder(first.memory))
                let written = try tellers.writing { () throws(MemoryError) in try teller.tell(facts, onConflict: first.onConflict) }
                guard var results = written?[...] else { throw Self.stopping }
                let seconds = (ContinuousClock.now - start) / .seconds(1)
                waiting.withLock { $0.pace.note(facts: facts.count, seconds: seconds) }
                for (var order, own) in taken {
                    let outcomes = results.prefix(own).map { told(order.memory, $0) }
                    results = results.dropFirst(own)
                    for outcome in outcomes { count(order.memory, FactOutcome(outcome), 1) }
                    order.told += outcomes
                    if order.rest.isEmpty { order.answer(.success(order.told)) } else { rest.append(order) }
                }
            } catch {
                let failure = (error as? APIError) ?? (error as? MemoryError).map { APIError($0) }
                    ?? APIError(failed: "the facts could not be written", cause: "\(error)")
                for (order, _) in taken { fail(order, failure) }
            }
        }
        let dropped = waiting.withLock { waiting in
            waiting.isScheduled = false
            if waiting.isStopped { return rest }
            for order in rest { waiting.queue.putBack(order) }
            return []
        }
        for order in dropped { fail(order, Self.stopping) }
        schedule()
    }

    /// What was written of a list before stays acknowledged.
    private func fail(_ order: FactQueue.Order, _ error: APIError) {
        count(order.memory, FactOutcome(error), order.rest.count)
        order.answer(order.told.isEmpty ? .failure(error) : .success(order.told + order.rest.map { _ in .failure(error) }))
    }

    private func told(_ memory: String, _ result: Result<ToldOutcome, MemoryError>) -> FactQueue.Told {
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
    /// Whether question or answer contain a text, in whatever case.
    func mentions(_ text: String) -> Bool { [question, answer].contains { $0.localizedCaseInsensitiveContains(text) } }

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
