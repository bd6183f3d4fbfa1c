import Foundation
import TestSupport
import Testing
import Tuning

/// A case of `Fixtures/objectives.json`: what TRL computes for given log-probabilities.
struct ObjectiveCase: Decodable, Sendable, CustomTestStringConvertible {
    struct Settings: Decodable, Sendable {
        var loss: String?
        var beta: Double?
        var label_smoothing: Double?
        var sft_weight: Double?
        var cpo_alpha: Double?
        var simpo_gamma: Double?
        var desirable_weight: Double?
        var undesirable_weight: Double?
    }

    struct Scores: Decodable, Sendable {
        var policy: [Double]
        var reference: Double
        var gradient: [Double]?
        /// Which of the scored tokens belong to the answer; all if absent.
        var answer: [Bool]?
        var label: Bool?
    }

    struct Metrics: Decodable, Sendable {
        var chosenReward: Double?
        var rejectedReward: Double?
        var accuracy: Double?
        var margin: Double?
        var divergence: Double?
    }

    var objective: String
    var settings: Settings
    var loss: Double
    var metrics: Metrics
    var sequences: [Scores]
    var mismatched: [Scores]?

    static let all: [ObjectiveCase] = {
        struct File: Decodable { var cases: [ObjectiveCase] }
        do {
            return try JSONDecoder().decode(File.self, from: Data(contentsOf: URL(filePath: Checkout.fixture("objectives.json")))).cases
        } catch {
            Issue.record("objectives.json cannot be read: \(error)")
            return []
        }
    }()

    var testDescription: String { "\(objective) \(settings.loss ?? "") beta \(settings.beta ?? 0)" }

    func makeObjective() throws -> Objective {
        let beta = settings.beta ?? .nan
        switch objective {
        case "sft": return .supervised
        case "dpo":
            return .dpo(
                try DPO(
                    loss: try #require(DPO.Loss(rawValue: settings.loss ?? "")), beta: beta, labelSmoothing: settings.label_smoothing ?? 0,
                    supervisedWeight: settings.sft_weight ?? 0))
        case "cpo":
            return .cpo(
                try CPO(
                    loss: try #require(CPO.Loss(rawValue: settings.loss ?? "")), beta: beta, labelSmoothing: settings.label_smoothing ?? 0,
                    likelihoodWeight: settings.cpo_alpha ?? 1, simpoGamma: settings.simpo_gamma ?? 0.5))
        case "orpo": return .orpo(try ORPO(beta: beta))
        default:
            try #require(objective == "kto")
            return .kto(
                try KTO(
                    beta: beta, desirableWeight: settings.desirable_weight ?? 1, undesirableWeight: settings.undesirable_weight ?? 1))
        }
    }

    /// One token before the scored ones, and marks on those of the answer.
    private func sequence(_ scores: Scores) -> TrainingSequence {
        let marks = scores.answer ?? Array(repeating: true, count: scores.policy.count)
        return TrainingSequence(tokens: Array(repeating: 1, count: marks.count + 1), isTarget: [false] + marks)
    }

    /// With the reference only where the objective needs one.
    func examples(_ objective: Objective) -> [ScoredExample] {
        let scores = sequences.map { SequenceScores(policy: $0.policy, reference: objective.needsReference ? $0.reference : nil) }
        guard objective.exampleKind == .preference else {
            return zip(sequences, scores).map { stored, scores in
                let sequence = sequence(stored)
                return ScoredExample(
                    stored.label.map { .labelled(sequence, isDesirable: $0) } ?? .supervised(sequence), scores: [scores])
            }
        }
        return stride(from: 0, to: sequences.count, by: 2).map { index in
            ScoredExample(
                .preference(chosen: sequence(sequences[index]), rejected: sequence(sequences[index + 1])),
                scores: Array(scores[index..<index + 2]))
        }
    }

    func totals(_ objective: Objective, _ examples: [ScoredExample]) -> StepTotals {
        var totals = StepTotals()
        for example in examples { totals += objective.totals(of: example.example) }
        totals.divergence = KTO.divergence((mismatched ?? []).map { SequenceScores(policy: $0.policy, reference: $0.reference) })
        return totals
    }
}

/// Whether two numbers differ by no more than `tolerance`, absolutely or of the expected one.
func isNear(_ found: Double, _ expected: Double, _ tolerance: Double = 1e-6) -> Bool {
    abs(found - expected) <= tolerance * max(1, abs(expected)) || found == expected
}
