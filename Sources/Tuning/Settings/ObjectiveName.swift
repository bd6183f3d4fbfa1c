/// The objectives by the names that settings give them.
enum ObjectiveName: String, CaseIterable {
    case sft, dpo, cpo, simpo, orpo, kto

    /// What it learns from.
    var kind: TrainingExample.Kind {
        switch self {
        case .sft: .supervised
        case .dpo, .cpo, .simpo, .orpo: .preference
        case .kto: .labelled
        }
    }

    /// Settings of an objective that have an effect with this one.
    private var settings: Set<TaskSetting> {
        switch self {
        case .sft: [.dropout]
        case .dpo: [.loss, .beta, .labelSmoothing, .supervisedWeight]
        case .cpo: [.loss, .beta, .labelSmoothing, .supervisedWeight, .gamma]
        case .simpo: [.beta, .gamma]
        case .orpo: [.beta]
        case .kto: [.beta, .desirableWeight, .undesirableWeight]
        }
    }

    private static let all: [TaskSetting] = [
        .loss, .beta, .gamma, .labelSmoothing, .supervisedWeight, .desirableWeight, .undesirableWeight, .dropout,
    ]

    private init(standardFor kind: TrainingExample.Kind) {
        switch kind {
        case .supervised: self = .sft
        case .preference: self = .dpo
        case .labelled: self = .kto
        }
    }

    /// The objective of a task whose data are of that kind.
    ///
    /// - Parameter checksEffect: refuses settings that do nothing; not while the data's kind is not known.
    static func objective(
        _ texts: SettingTexts, kind: TrainingExample.Kind, checksEffect: Bool
    ) throws(TuningError) -> Objective {
        let named = try texts.choice(.objective, of: ObjectiveName.self)
        let name = named ?? ObjectiveName(standardFor: kind)
        guard name.kind == kind else {
            throw texts.error(.objective, "\(name.rawValue) learns from \(name.kind.text); the data hold \(kind.text)")
        }
        if checksEffect { try texts.refuse(all.filter { !name.settings.contains($0) }, with: "the objective \(name.rawValue)") }
        let smoothing = try texts.number(.labelSmoothing) ?? 0
        let weight = try texts.number(.supervisedWeight)
        switch name {
        case .sft: return .supervised
        case .dpo:
            return .dpo(
                try DPO(
                    loss: texts.choice(.loss, of: DPO.Loss.self) ?? .sigmoid, beta: texts.number(.beta) ?? 0.1, labelSmoothing: smoothing,
                    supervisedWeight: weight ?? 0))
        case .cpo:
            let loss = try texts.choice(.loss, of: CPO.Loss.self) ?? .sigmoid
            if loss != .simpo { try texts.refuse([.gamma], with: "the loss \(loss.rawValue)") }
            return .cpo(
                try CPO(
                    loss: loss, beta: texts.number(.beta) ?? 0.1, labelSmoothing: smoothing, likelihoodWeight: weight ?? 1,
                    simpoGamma: texts.number(.gamma) ?? 0.5))
        case .simpo: return .cpo(try .simpo(beta: texts.number(.beta) ?? 2, gamma: texts.number(.gamma) ?? 0.5))
        case .orpo: return .orpo(try ORPO(beta: texts.number(.beta) ?? 0.1))
        case .kto:
            return .kto(
                try KTO(
                    beta: texts.number(.beta) ?? 0.1, desirableWeight: texts.number(.desirableWeight) ?? 1,
                    undesirableWeight: texts.number(.undesirableWeight) ?? 1))
        }
    }
}
