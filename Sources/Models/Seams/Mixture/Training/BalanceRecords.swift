/// The records of all routers of a step. They are made on the way forward, and read on the way back.
final class BalanceRecords {
    private var records: [ObjectIdentifier: BalanceRecord] = [:]
    /// Of an adapter, in the order of the model.
    private var own: [ObjectIdentifier: [BalanceRecord]] = [:]
    private var losses: [ObjectIdentifier: Double] = [:]
    /// Off while activations are computed again.
    var isRecording = false

    func clear() {
        records = [:]
        own = [:]
        losses = [:]
    }

    /// After a router has run for a band.
    func add(_ router: TrainableRouter, _ routed: RoutedRows, _ plan: TrainingPlan, _ band: TrainingPlan.Band) {
        guard isRecording, let balance = band.adapter.balance else { return }
        let record = records[ObjectIdentifier(router)] ?? BalanceRecord(experts: router.experts)
        if records.updateValue(record, forKey: ObjectIdentifier(router)) == nil {
            own[ObjectIdentifier(band.adapter), default: []].append(record)
        }
        record.add(routed, plan.segments.lazy.filter { band.rows.contains($0.rows.lowerBound) }, alpha: balance.alpha)
    }

    /// After the last layer.
    func evaluate(_ plan: TrainingPlan) {
        for adapter in plan.bands.map(\.adapter) {
            guard let balance = adapter.balance, let own = own[ObjectIdentifier(adapter)] else { continue }
            losses[ObjectIdentifier(adapter)] = balance.evaluate(own)
        }
    }

    func loss(_ adapter: TrainableAdapter) -> Double? { losses[ObjectIdentifier(adapter)] }
    subscript(router: TrainableRouter) -> BalanceRecord? { records[ObjectIdentifier(router)] }
}
