internal import Embeddings
internal import Foundation
public import Generation

/// Tells facts to a memory: looks for contradictions, writes the experts, makes the keys, and stores all that.
///
/// Isolation: one thread uses it at a time.
public final class MemoryTeller {
    public let memory: FactMemory
    private let writer: MemoryWriter
    private let encoder: any TextEmbedder
    private let gate: MemoryGate
    /// Seconds since 1970.
    private let clock: () -> Int64

    /// Seconds since 1970.
    public static func seconds() -> Int64 { Int64(Date().timeIntervalSince1970) }

    /// Facts that are written together.
    public static let batch = 64

    /// Errors: `mismatched` for another base or encoder than the memory's, `unavailable` when another process writes into the memory.
    public init(
        _ memory: FactMemory, writer: MemoryWriter, encoder: any TextEmbedder, clock: @escaping () -> Int64 = MemoryTeller.seconds
    ) throws(MemoryError) {
        _ = try memory.store()
        let identity = memory.snapshot.identity
        guard identity.site == writer.calibration.site, identity.base == writer.calibration.baseIdentity else {
            throw MemoryError(.mismatched, "the memory and the calibration are of different bases or layers", place: memory.folder)
        }
        (self.memory, self.writer, self.encoder, self.clock) = (memory, writer, encoder, clock)
        gate = try memory.gate(encoder)
    }

    /// Stores facts, each of which is a success or has an error of its own: `invalid` with the field, `conflict`, `notLearned`. What
    /// succeeded is on the disk and answers when it returns. Nil: it was interrupted; earlier batches are stored.
    /// Errors that concern all: `full`, `unavailable`.
    ///
    /// - Parameter progress: gets how many are done.
    public func tell(
        _ facts: [ToldFact], onConflict: ToldFact.Conflict, progress: (_ done: Int) -> Void = { _ in }
    ) throws(MemoryError) -> [Result<ToldOutcome, MemoryError>]? {
        var results: [Result<ToldOutcome, MemoryError>] = []
        for start in stride(from: 0, to: facts.count, by: Self.batch) {
            let part = Array(facts[start..<min(start + Self.batch, facts.count)])
            guard let outcomes = try tellBatch(part, onConflict) else { return nil }
            results += outcomes
            progress(results.count)
        }
        return results
    }

    /// Gives a stored fact another question, answer or paraphrases. Nil: it was interrupted. Errors: `notFound`, and those of `tell`.
    public func change(_ id: Fact.ID, _ change: FactChange) throws(MemoryError) -> ToldOutcome? {
        guard let stored = try memory.snapshot.fact(id) else { throw MemoryError(.notFound, "there is no fact \(id)") }
        var fact = stored
        fact.question = change.question ?? stored.question
        fact.wordings = change.paraphrases ?? stored.wordings
        fact.answer = change.answer ?? stored.answer
        var draft = Draft(index: 0, fact: try checked(fact), replaces: id)
        try choose(&draft, try memory.keys(of: draft.texts, with: encoder))
        guard let results = try write([draft]) else { return nil }
        return try results[0].result.get()
    }

    /// Writes facts again with the experts that the engine answers exactly now. Nil: it was interrupted.
    public func rewrite(_ ids: [Fact.ID]) throws(MemoryError) -> [Result<ToldOutcome, MemoryError>]? {
        var drafts: [Draft] = []
        for id in ids {
            guard let record = try memory.snapshot.record(id) else { continue }
            drafts.append(Draft(index: drafts.count, fact: record.fact, keys: record.keys, replaces: id))
        }
        return try write(drafts)?.map(\.result)
    }

    /// For each of some facts whether the engine gives its answer exactly, for its question and its wordings. Nil: it was interrupted.
    public func verify(_ ids: [Fact.ID]) throws(MemoryError) -> [(id: Fact.ID, isExact: Bool)]? {
        let snapshot = memory.snapshot
        var (known, facts) = ([Fact.ID](), [(fact: Fact, experts: FactExperts)]())
        for id in ids {
            guard let record = try snapshot.record(id) else { continue }
            known.append(id)
            facts.append((record.fact, record.experts))
        }
        guard let exact = try writer.verify(facts) else { return nil }
        return Array(zip(known, exact)).map { ($0.0, $0.1) }
    }

    // MARK: A batch

    private func tellBatch(
        _ facts: [ToldFact], _ onConflict: ToldFact.Conflict
    ) throws(MemoryError) -> [Result<ToldOutcome, MemoryError>]? {
        var results = [Result<ToldOutcome, MemoryError>?](repeating: nil, count: facts.count)
        var drafts: [Draft] = []
        // Questions of this batch, which no snapshot has yet, without case and surplus white space.
        var told: [String: Int] = [:]
        // Facts that are the same as one before them.
        var repeated: [(index: Int, first: Int)] = []
        for (index, fact) in facts.enumerated() {
            do throws(MemoryError) {
                let new = try checked(
                    Fact(id: 0, question: fact.question, wordings: fact.paraphrases, answer: fact.answer, source: fact.source, created: clock()))
                let folded = new.question.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
                if onConflict != .add, let first = told[folded] {
                    guard facts[first].answer == fact.answer else {
                        throw MemoryError(.conflict, "the same question was told with another answer in the same batch", place: "question")
                    }
                    repeated.append((index, first))
                    continue
                }
                told[folded] = index
                drafts.append(Draft(index: index, fact: new))
            } catch {
                results[index] = .failure(error)
            }
        }
        let keys = try keys(of: drafts)
        var chosen: [Draft] = []
        for (var draft, own) in zip(drafts, keys) {
            do throws(MemoryError) {
                let texts = draft.texts
                if let known = try place(&draft, own[0], onConflict) {
                    results[draft.index] = .success(ToldOutcome(id: known, outcome: .known))
                    continue
                }
                // The question may have become that of the fact that is replaced.
                try choose(&draft, draft.texts == texts ? own : try memory.keys(of: draft.texts, with: encoder))
                chosen.append(draft)
            } catch {
                if error.code == .unavailable || error.code == .full { throw error }
                results[draft.index] = .failure(error)
            }
        }
        guard let written = try write(chosen) else { return nil }
        for (draft, result) in written { results[draft.index] = result }
        for (index, first) in repeated { results[index] = results[first]?.map { ToldOutcome(id: $0.id, outcome: .known) } }
        return results.map { $0 ?? .failure(MemoryError(.notLearned, "the fact was not written")) }
    }

    /// Looks for a stored fact that answers the question. Returns it where its answer is the same. Errors: `conflict`.
    private func place(_ draft: inout Draft, _ key: FactKey, _ onConflict: ToldFact.Conflict) throws(MemoryError) -> Fact.ID? {
        let snapshot = memory.snapshot
        guard onConflict != .add, let id = try gate.decide(draft.fact.question, key, in: snapshot).fact,
            let stored = try snapshot.fact(id)
        else { return nil }
        if stored.answer == draft.fact.answer, draft.fact.wordings.allSatisfy({ ([stored.question] + stored.wordings).contains($0) }) { return id }
        guard onConflict == .replace || stored.answer == draft.fact.answer else { throw MemoryError.conflict(stored) }
        // The same answer with further wordings: they are added.
        if stored.answer == draft.fact.answer, onConflict != .replace {
            let known = [stored.question] + stored.wordings
            draft.fact.wordings = stored.wordings + ([draft.fact.question] + draft.fact.wordings).filter { !known.contains($0) }
            draft.fact.question = stored.question
        }
        draft.replaces = id
        return nil
    }

    /// Takes the keys of the question, and of the wordings and spellings that mean no other fact.
    ///
    /// - Parameter own: the keys of the draft's texts.
    private func choose(_ draft: inout Draft, _ own: [FactKey]) throws(MemoryError) {
        let snapshot = memory.snapshot
        let (texts, told) = (draft.texts, draft.fact.wordings.count)
        draft.keys = [own[0]]
        draft.fact.wordings = []
        for (place, (wording, key)) in zip(texts, own).dropFirst().enumerated() {
            let isTold = place < told
            let verdict = try gate.check(key, of: own[0], isTold: isTold, fact: draft.replaces, in: snapshot)
            if verdict == .accepted {
                draft.fact.wordings.append(wording)
                draft.keys.append(key)
            } else if isTold, let reason = verdict.reason {
                draft.refusedWordings.append("\(wording): \(reason)")
            }
        }
    }

    private func write(_ drafts: [Draft]) throws(MemoryError) -> [(draft: Draft, result: Result<ToldOutcome, MemoryError>)]? {
        guard !drafts.isEmpty else { return [] }
        guard let written = try writer.write(drafts.map(\.fact)) else { return nil }
        var (changes, placed) = ([StoreChange](), [Draft]())
        var results: [(draft: Draft, result: Result<ToldOutcome, MemoryError>)] = []
        let snapshot = memory.snapshot
        // With those of this batch, under numbers that no fact has.
        var (table, fresh) = (snapshot.keys, [Fact.ID: [FactKey]]())
        for (draft, outcome) in zip(drafts, written) {
            switch outcome {
            case .failure(let error): results.append((draft, .failure(error)))
            case .success(let written):
                var fact = draft.fact
                if let id = draft.replaces { fact.id = id }
                let rivalry = try gate.rivalry(
                    of: draft.keys, fact: draft.replaces, in: table,
                    keys: { (id) throws(MemoryError) in if let keys = fresh[id] { keys } else { try snapshot.keys(of: id) } })
                let place = Fact.ID.max - Fact.ID(placed.count)
                fresh[place] = draft.keys
                table.insert(draft.keys, of: place)
                let record = FactRecord(fact: fact, keys: draft.keys, experts: written.experts, rivalry: rivalry)
                changes.append(draft.replaces == nil ? .add(record) : .change(record))
                var draft = draft
                draft.losses = written.losses
                placed.append(draft)
            }
        }
        let store = try memory.store()
        let ids = try store.apply(changes)
        for (draft, id) in zip(placed, ids) {
            let outcome = ToldOutcome(id: id, outcome: draft.replaces == nil ? .added : .replaced, refusedWordings: draft.refusedWordings, losses: draft.losses)
            results.append((draft, .success(outcome)))
        }
        if store.isCompactionDue { try store.compact() }
        return results
    }

    /// Keys of the texts of each draft.
    private func keys(of drafts: [Draft]) throws(MemoryError) -> [[FactKey]] {
        let texts = drafts.map(\.texts)
        var all = try memory.keys(of: texts.flatMap { $0 }, with: encoder)[...]
        return texts.map { own in
            defer { all = all.dropFirst(own.count) }
            return Array(all.prefix(own.count))
        }
    }

    /// Without white space at the ends. Errors: `invalid` for empty texts.
    private func checked(_ fact: Fact) throws(MemoryError) -> Fact {
        var fact = fact
        fact.question = fact.question.trimmingCharacters(in: .whitespacesAndNewlines)
        fact.answer = fact.answer.trimmingCharacters(in: .whitespacesAndNewlines)
        fact.wordings = fact.wordings.map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
        for (text, field) in [(fact.question, "question"), (fact.answer, "answer")] + fact.wordings.map({ ($0, "paraphrases") }) where text.isEmpty {
            throw MemoryError(.invalid, "empty: expected a text", place: field)
        }
        return fact
    }
}
