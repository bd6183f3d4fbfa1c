import Generation
import OpenAIAPI

/// What became of a fact that was told, changed or forgotten over HTTP: a label of `/metrics`.
enum FactOutcome: String, CaseIterable {
    case added
    case replaced
    /// It was known, with the same answer.
    case known
    case changed
    case forgotten
    /// A stored fact answers the question with something else.
    case conflict
    /// It is not what a memory takes, or could not be learned.
    case refused
    /// No fact has that number.
    case missing
    /// Too many waited.
    case overloaded
    case failed

    init(_ outcome: ToldFact.Outcome) {
        self =
            switch outcome {
            case .added: .added
            case .replaced: .replaced
            case .known: .known
            }
    }

    /// Nil for a server that stops: that is nothing about the fact.
    init?(_ error: APIError) {
        switch error.code {
        case .draining: return nil
        case .factConflict: self = .conflict
        case .invalidRequest, .quotaExceeded: self = .refused
        case .factNotFound: self = .missing
        case .overloaded: self = .overloaded
        default: self = .failed
        }
    }

    init?(_ result: Result<(fact: RememberedFact, outcome: ToldFact.Outcome), APIError>) {
        switch result {
        case .success(let stored): self.init(stored.outcome)
        case .failure(let error): self.init(error)
        }
    }
}
