internal import Models
internal import Synchronization
internal import Tensors

extension VocabularyPlan {
    struct Patches: Sendable {
        var embedding = EmbeddingPatch()
        var head = HeadPatch()

        var isEmpty: Bool { embedding.isEmpty && head.isEmpty }
    }

    /// What is read at once.
    private enum Piece: CaseIterable {
        case embeddingTable, headTable, embeddingRows, headRows, embeddingPair, headPair
    }

    /// Brings the elements into place, on several threads; parts that change nothing are left out. Noted: what cannot be read or is
    /// not finite; nil then. Memory: a table's elements as in the file until they are packed.
    func patches(element: LowRank.Element, elements: AdapterElements, problems: inout AdapterProblems) -> Patches? {
        let pieces = Piece.allCases.filter { !tensors(of: $0).isEmpty }
        let rooms = pieces.map { tensors(of: $0).reduce(0) { $0 + ElementReader.room($1) } }
        let made = Mutex(Patches())
        let failures = Mutex([AdapterError?](repeating: nil, count: pieces.count))
        elements.spread(pieces.count, bytes: rooms.reduce(0, +), room: rooms.max() ?? 0) { index, reader in
            do throws(AdapterError) {
                let assign = try make(pieces[index], element, reader)
                made.withLock { assign(&$0) }
            } catch {
                failures.withLock { $0[index] = error }
            }
        }
        let errors = failures.withLock { $0.compactMap { $0 } }
        errors.forEach { problems.note($0) }
        guard errors.isEmpty else { return nil }
        return made.withLock { patches in
            if sharesTable { patches.head.matrix = patches.embedding.table }
            if sharesRows { patches.head.rows = patches.embedding.rows }
            return patches
        }
    }

    private func tensors(of piece: Piece) -> [TensorView] {
        switch piece {
        case .embeddingTable: embedding.table.map { [$0] + embedding.overwritten } ?? []
        case .headTable: sharesTable ? [] : [head.table].compactMap { $0 }
        case .embeddingRows: embedding.rows.map { [$0] + embedding.overwritten } ?? []
        case .headRows: sharesRows ? [] : [head.rows].compactMap { $0 }
        case .embeddingPair: pairTensors(embedding)
        case .headPair: pairTensors(head)
        }
    }

    /// DoRA is computed from the table, where the adapter has one.
    private func pairTensors(_ module: Module) -> [TensorView] {
        guard let pair = module.pair else { return [] }
        return pair.tensors + (pair.isDecomposed ? [module.table].compactMap { $0 } : [])
    }

    private typealias Assignment = (inout sending Patches) -> Void

    private func make(_ piece: Piece, _ element: LowRank.Element, _ reader: ElementReader) throws(AdapterError) -> Assignment {
        switch piece {
        case .embeddingTable:
            let table = try table(.embedding, element, reader)
            return { $0.embedding.table = table }
        case .headTable:
            let table = try table(.head, element, reader)
            return { $0.head.matrix = table }
        case .embeddingRows:
            let rows = try rows(.embedding, reader)
            return { $0.embedding.rows = rows }
        case .headRows:
            let rows = try rows(.head, reader)
            return { $0.head.rows = rows }
        case .embeddingPair:
            guard let pair = try embedding.pair?.read(reader) else { return { _ in } }
            let lowRank = try embeddingLowRank(pair, element)
            let factors = try factors(pair, .embedding, try readTable(embedding, pair, reader), isIdle: lowRank == nil)
            return { ($0.embedding.lowRank, $0.embedding.outputScale) = (lowRank, factors) }
        case .headPair:
            guard let pair = try head.pair?.read(reader) else { return { _ in } }
            var linear = try headLinear(pair, element)
            linear.outputScale = try factors(pair, .head, try readTable(head, pair, reader), isIdle: linear.isEmpty)
            return { $0.head.linear = linear }
        }
    }

    // MARK: Tables and rows

    private func table(
        _ module: VocabularyModule, _ element: LowRank.Element, _ reader: ElementReader
    ) throws(AdapterError) -> VocabularyMatrix? {
        guard let view = self[module].table else { return nil }
        let table = try reader.read(view)
        try ElementLimit.check(table)
        for overwritten in self[module].overwritten { try ElementLimit.check(try reader.read(overwritten)) }
        let difference = weights.map { VocabularyDifference(table, from: $0, module) }
        if difference?.isBase(asCopy: self[module].isCopy) == true { return nil }
        return try AdapterError.converting(view) { () throws(ModelError) in try VocabularyMatrix(table, element: element) }
    }

    private func rows(_ module: VocabularyModule, _ reader: ElementReader) throws(AdapterError) -> TokenRows? {
        guard let view = self[module].rows else { return nil }
        let rows = try reader.read(view)
        try ElementLimit.check(rows)
        for overwritten in self[module].overwritten { try ElementLimit.check(try reader.read(overwritten)) }
        let difference = weights.map { VocabularyDifference(rows, of: self[module].tokens, from: $0, module) }
        // A table that takes the base's place may differ there.
        if self[module].table == nil && difference?.norm == 0 { return nil }
        return try AdapterError.converting(view) { () throws(ModelError) in try TokenRows(tokens: self[module].tokens, rows: rows) }
    }

    // MARK: Pairs

    private func check(_ pair: VocabularyPair, _ element: LowRank.Element) throws(AdapterError) {
        let largest = element == .f32 ? ElementLimit.infinity : ElementLimit.firstBeyondBF16
        try ElementLimit.check(pair.a, largest)
        try ElementLimit.check(pair.b, largest)
        for vector in [pair.bias, pair.magnitude].compactMap({ $0 }) { try ElementLimit.check(vector) }
    }

    private func embeddingLowRank(_ pair: VocabularyPair, _ element: LowRank.Element) throws(AdapterError) -> EmbeddingLowRank? {
        try check(pair, element)
        guard pair.adds else { return nil }
        return try AdapterError.converting(pair.a) { () throws(ModelError) in
            try EmbeddingLowRank(a: pair.a, b: pair.b, scale: Float(pair.scale), element: element)
        }
    }

    private func headLinear(_ pair: VocabularyPair, _ element: LowRank.Element) throws(AdapterError) -> LinearPatch {
        try check(pair, element)
        var linear = LinearPatch()
        if pair.adds {
            linear.lowRank = try AdapterError.converting(pair.a) { () throws(ModelError) in
                try LowRank(a: pair.a, b: pair.b, scale: Float(pair.scale), element: element)
            }
        }
        if let bias = pair.bias?.floats(), pair.scale != 0, bias.contains(where: { $0 != 0 }) {
            linear.bias = FloatBuffer(bias.map { $0 * Float(pair.scale) })
        }
        return linear
    }

    private func readTable(_ module: Module, _ pair: VocabularyPair, _ reader: ElementReader) throws(AdapterError) -> TensorView? {
        guard pair.isDecomposed, let table = module.table else { return nil }
        return try reader.read(table)
    }

    /// DoRA's; nil where they are all 1 and nothing else changes.
    private func factors(
        _ pair: VocabularyPair, _ module: VocabularyModule, _ table: TensorView?, isIdle: Bool
    ) throws(AdapterError) -> FloatBuffer? {
        guard pair.isDecomposed, let weights else { return nil }
        let factors = try WeightDecomposition(pair, module, weights: weights, table: table).factors(pair.magnitude)
        return isIdle && WeightDecomposition.areUnity(factors) ? nil : FloatBuffer(factors)
    }
}

extension AdapterError {
    /// What a model says of a tensor.
    fileprivate static func converting<Value>(
        _ view: TensorView, _ body: () throws(ModelError) -> Value
    ) throws(AdapterError) -> Value {
        do throws(ModelError) {
            return try body()
        } catch {
            throw AdapterError(error, error.code == .malformed ? .nonFinite : .wrongShape, tensor: view.name)
        }
    }
}
