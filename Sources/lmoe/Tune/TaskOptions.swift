import ArgumentParser
import Tuning

/// The settings of one tuning task as flags. Each property has the name of its row in `TaskSetting`.
struct TaskOptions: ParsableArguments {
    @Option(task: .data) var data: String?
    @Option(task: .fields) var fields: String?
    @Option(task: .query) var query: String?
    @Option(task: .heldOut) var heldOut: String?
    @Option(task: .heldOutShare) var heldOutShare: String?
    @Option(task: .skipBroken) var skipBroken: String?
    @Option(task: .out) var out: String?
    @Option(task: .description) var description: String?
    @Option(task: .element) var element: String?
    @Option(task: .start) var start: String?
    @Option(task: .family) var family: String?
    @Option(task: .rank) var rank: String?
    @Option(task: .alpha) var alpha: String?
    @Option(task: .targets) var targets: String?
    @Option(task: .trainedTokens) var trainedTokens: String?
    @Option(task: .experts) var experts: String?
    @Option(task: .chosenExperts) var chosenExperts: String?
    @Option(task: .balance) var balance: String?
    @Option(task: .dropout) var dropout: String?
    @Option(task: .objective) var objective: String?
    @Option(task: .loss) var loss: String?
    @Option(task: .beta) var beta: String?
    @Option(task: .gamma) var gamma: String?
    @Option(task: .labelSmoothing) var labelSmoothing: String?
    @Option(task: .supervisedWeight) var supervisedWeight: String?
    @Option(task: .desirableWeight) var desirableWeight: String?
    @Option(task: .undesirableWeight) var undesirableWeight: String?
    @Option(task: .optimiser) var optimiser: String?
    @Option(task: .rate) var rate: String?
    @Option(task: .loraPlusRatio) var loraPlusRatio: String?
    @Option(task: .weightDecay) var weightDecay: String?
    @Option(task: .schedule) var schedule: String?
    @Option(task: .warmup) var warmup: String?
    @Option(task: .clip) var clip: String?
    @Option(task: .epochs) var epochs: String?
    @Option(task: .maxSteps) var maxSteps: String?
    @Option(task: .batch) var batch: String?
    @Option(task: .accumulation) var accumulation: String?
    @Option(task: .microBatchTokens) var microBatchTokens: String?
    @Option(task: .maxTokens) var maxTokens: String?
    @Option(task: .trainOn) var trainOn: String?
    @Option(task: .system) var system: String?
    @Option(task: .seed) var seed: String?
    @Option(task: .patience) var patience: String?
    @Option(task: .evalSteps) var evalSteps: String?

    /// What was given on the command line.
    var texts: SettingTexts {
        let settings = Dictionary(uniqueKeysWithValues: TaskSetting.allCases.map { ("_\($0)", $0) })
        var texts = SettingTexts()
        for (label, value) in Mirror(reflecting: self).children {
            guard let setting = label.flatMap({ settings[$0] }), let option = value as? Option<String?> else { continue }
            guard let text = option.wrappedValue else { continue }
            texts.entries[setting] = .init(text, place: "--\(setting.rawValue)")
        }
        return texts
    }

    /// What variables say.
    static var variables: SettingTexts {
        var texts = SettingTexts()
        for setting in TaskSetting.allCases {
            guard let text = Variables.text(setting.rawValue) else { continue }
            texts.entries[setting] = .init(text, place: Variables.name(setting.rawValue))
        }
        return texts
    }
}

extension Option<String?> {
    init(task setting: TaskSetting) {
        let defaultValue = setting.defaultValue.map { " (default: \($0))" } ?? ""
        let summary = "\(setting.summary.prefix(1).uppercased())\(setting.summary.dropFirst()).\(defaultValue)"
        self.init(name: .customLong(setting.rawValue), help: ArgumentHelp(summary, valueName: "value"))
    }
}
