import Foundation

/// A task whose data were read: what it trains on, how, and where its adapter goes.
public struct PreparedTask: Sendable {
    public let plan: TaskPlan
    public let data: PreparedData
    public let settings: TaskSettings
    /// The adapter's folder.
    public let folder: String
    public let checkpoints: TaskCheckpoints
    /// The adapter that is tuned further; nil: a new one.
    public let start: ExistingAdapter?
    private let sources: [TuningRecord.DataSource]
    private let requests: [String]

    public var name: String { plan.name }
    /// How the adapter's weights are stored.
    var element: AdapterFolderWriter.Element { plan.element }

    /// Reads and checks the data. Errors: those of the files and of the settings; `nothingToTrain`.
    ///
    /// - Parameter report: gets what was found in the data, also when no row is left.
    public init(
        _ plan: TaskPlan, folder: String, checkpoints: TaskCheckpoints, base: TuningBase, report: (DataReport) -> Void = { _ in }
    ) throws(TuningError) {
        self.plan = plan
        self.folder = folder
        self.checkpoints = checkpoints
        start = try plan.start.map { (folder) throws(TuningError) in try ExistingAdapter(folder: folder) }
        try start?.checkBase(base.identity)
        let encoder = try base.encoder(plan, date: checkpoints.start)
        let reader = DataFileReader(fieldNames: plan.fieldNames)
        let file: DataFile
        if let query = plan.query { file = try reader.read(plan.data, query: query) } else { file = try reader.read(plan.data) }
        let heldOut = try plan.heldOut.map { (path) throws(TuningError) in try reader.read(path) }
        let seed = UInt64(plan.texts.text(.seed) ?? "0") ?? 0
        let preparation = DataPreparation(
            encoder: encoder, heldOut: plan.heldOutSize, seed: seed, skipsBrokenRows: plan.skipsBrokenRows)
        data = try preparation.prepare(file, heldOut: heldOut)
        report(data.report)
        guard let kind = data.training.examples.first?.kind else {
            throw TuningError(.nothingToTrain, "no row is left to train on", file: plan.data)
        }
        settings = try plan.settings(for: kind, continuing: start?.recipe)
        sources = [TuningRecord.DataSource(file)] + (heldOut.map { [TuningRecord.DataSource($0)] } ?? [])
        requests = RoutingExamples.draw(from: file.rows, lines: data.training.lines, seed: seed)
    }

    /// What the adapter's folder says of its origin.
    public func record(_ base: BaseIdentity, _ history: TuningHistory) -> TuningRecord {
        let standard = "Requests like those of \(sources.map(\.name).first ?? "its data"), for which \(name) was tuned."
        return TuningRecord(
            base: base, description: plan.texts.text(.description) ?? standard, sources: sources, examples: requests,
            date: Date.now.formatted(.iso8601.year().month().day()), history: history)
    }
}
