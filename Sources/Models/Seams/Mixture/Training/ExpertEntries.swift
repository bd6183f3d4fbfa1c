/// The rows of a band by the experts that they chose: an entry is a row with one of its experts. Entries of an expert lie together, rows
/// rising.
struct ExpertEntries {
    let band: TrainingPlan.Band
    let mixture: TrainableFeedForward
    /// Of each expert, among all entries of the step's bands.
    private(set) var groups: [Range<Int>] = []
    /// At an entry, less `first`: its row.
    private var rows: [Int] = []
    /// At `(row - first row) * experts + expert`: the entry, or -1.
    private var places: [Int] = []
    let layer: Int
    let first: Int

    var end: Int { first + rows.count }
    var experts: Int { mixture.router.experts }

    init(_ band: TrainingPlan.Band, _ mixture: TrainableFeedForward, _ routed: RoutedRows, layer: Int, first: Int) {
        (self.band, self.mixture, self.layer, self.first) = (band, mixture, layer, first)
        places = Array(repeating: -1, count: band.rows.count * experts)
        for expert in 0..<experts {
            let start = end
            for row in band.rows where routed.weights(row)[expert] != 0 {
                places[(row - band.rows.lowerBound) * experts + expert] = end
                rows.append(row)
            }
            groups.append(start..<end)
        }
    }

    func row(_ entry: Int) -> Int { rows[entry - first] }

    /// Whether the experts' inputs have masks.
    var isDropped: Bool { !band.dropout.isEmpty }

    /// Of an entry's input of a projection.
    func mask(_ entry: Int, _ projection: Projection, _ expert: Int) -> Dropout.RowMask {
        band.dropout[row(entry) - band.rows.lowerBound].mask(linear: LinearPlace(layer, projection).index, expert: expert)
    }

    /// Calls `body` with each entry of a row, in the order of the experts.
    func each(ofRow row: Int, _ body: (_ expert: Int, _ entry: Int) -> Void) {
        let start = (row - band.rows.lowerBound) * experts
        for expert in 0..<experts where places[start + expert] >= 0 { body(expert, places[start + expert]) }
    }
}
