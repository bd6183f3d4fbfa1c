import Generation
import Synchronization

@testable import OpenAIAPI

/// Facts in memory. A question that is there with another answer is a conflict; an answer `unlearnable` cannot be written.
final class ScriptedMemories: MemoryService {
    let limits = MemoryLimits()
    let stored = Mutex<[RememberedFact]>([])
    private let names: [String]

    init(_ names: [String] = ["bash"]) { self.names = names }

    func memories() async throws -> [String] { names }

    func tell(
        _ memory: String, _ facts: [ToldFact], onConflict: ToldFact.Conflict
    ) async throws -> [Result<(fact: RememberedFact, outcome: ToldFact.Outcome), APIError>] {
        facts.map { fact in
            stored.withLock { stored in
                if fact.answer == "unlearnable" {
                    return .failure(APIError(.invalidRequest, "the answer is not exact after 60 steps", param: "answer"))
                }
                let place = stored.firstIndex { $0.question == fact.question }
                if let place, onConflict != .add {
                    if stored[place].answer == fact.answer { return .success((stored[place], .known)) }
                    guard onConflict == .replace else {
                        return .failure(APIError(.factConflict, "fact \(stored[place].id) answers this question already", param: "question"))
                    }
                    stored[place].answer = fact.answer
                    return .success((stored[place], .replaced))
                }
                let new = RememberedFact(
                    id: UInt64(stored.count + 1), memory: memory, question: fact.question, paraphrases: fact.paraphrases, answer: fact.answer,
                    source: fact.source, createdAt: 7)
                stored.append(new)
                return .success((new, .added))
            }
        }
    }

    func facts(_ memory: String, after: UInt64?, limit: Int, containing text: String?) async throws -> FactPage {
        let found = stored.withLock { $0.filter { fact in fact.id > after ?? 0 && text.map { fact.question.contains($0) } ?? true } }
        return FactPage(facts: Array(found.prefix(limit)), next: found.count > limit ? found[limit - 1].id : nil)
    }

    func fact(_ memory: String, _ id: UInt64) async throws -> RememberedFact {
        guard let fact = stored.withLock({ $0.first { $0.id == id } }) else {
            throw APIError(.factNotFound, "There is no fact `\(memory):\(id)`.", param: "id")
        }
        return fact
    }

    func change(_ memory: String, _ id: UInt64, _ change: FactChange) async throws -> RememberedFact {
        var fact = try await fact(memory, id)
        fact.question = change.question ?? fact.question
        fact.answer = change.answer ?? fact.answer
        fact.paraphrases = change.paraphrases ?? fact.paraphrases
        let changed = fact
        stored.withLock { stored in stored = stored.map { $0.id == id ? changed : $0 } }
        return changed
    }

    func forget(_ memory: String, _ ids: [UInt64]) async throws {
        for id in ids { _ = try await fact(memory, id) }
        stored.withLock { $0.removeAll { ids.contains($0.id) } }
    }
}
