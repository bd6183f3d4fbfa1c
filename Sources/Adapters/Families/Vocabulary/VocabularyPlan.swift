internal import Models
internal import Tensors

/// What an adapter does to the embedding and to the head: tensors of the right shapes and types.
struct VocabularyPlan: Sendable {
    struct Module: Sendable {
        /// `[vocabulary, hidden]`, instead of the base's.
        var table: TensorView?
        /// The table is a copy of the base's weights that peft writes with the trained tensors.
        var isCopy = false
        /// Tokens with rows of their own, in the order of `rows`, `[tokens, hidden]`.
        var tokens: [Int32] = []
        var rows: TensorView?
        var pair: VocabularyPair?
        /// What peft loads first, and then the same under the other module's name: equal when peft wrote both.
        var overwritten: [TensorView] = []

        var tensors: [TensorView] { [table, rows].compactMap { $0 } + (pair?.tensors ?? []) }
        /// Something was trained, and not only copied.
        var isTrained: Bool { rows != nil || pair != nil || (table != nil && !isCopy) }
    }

    var embedding = Module()
    var head = Module()
    /// To find which rows are the base's own, and for DoRA.
    let weights: BaseWeights?

    init(weights: BaseWeights?) { self.weights = weights }

    subscript(module: VocabularyModule) -> Module {
        get { module == .embedding ? embedding : head }
        set { if module == .embedding { embedding = newValue } else { head = newValue } }
    }

    /// The modules with trained parts.
    var modules: [VocabularyModule] { VocabularyModule.allCases.filter { self[$0].isTrained } }
    /// Nothing is there, not even a copy of the base's weights.
    var isEmpty: Bool { embedding.tensors.isEmpty && head.tensors.isEmpty }

    /// Both modules have the same table, or the same rows.
    var sharesTable: Bool { embedding.table != nil && embedding.table?.name == head.table?.name }
    var sharesRows: Bool { embedding.rows != nil && embedding.rows?.name == head.rows?.name }

    /// Of tensors that were trained.
    var parameters: Int {
        var counts: [String: Int] = [:]
        for module in [embedding, head] {
            for view in module.tensors where !(module.isCopy && view.name == module.table?.name) { counts[view.name] = view.elementCount }
        }
        return counts.values.reduce(0, +)
    }

    /// Bytes that the patches will take at most: a copy that is the base's own is not kept.
    func byteCount(element: LowRank.Element) -> Int {
        var sum = 0
        for module in VocabularyModule.allCases {
            let parts = self[module]
            if let table = parts.table, !(sharesTable && module == .head) {
                sum += VocabularyMatrix.byteCount(rows: table.rows, columns: table.columns, element: element)
            }
            if let rows = parts.rows, !(sharesRows && module == .head) {
                sum += TokenRows.byteCount(tokens: rows.rows, columns: rows.columns)
            }
            sum += parts.pair?.byteCount(element: element, isEmbedding: module == .embedding) ?? 0
        }
        return sum
    }
}

/// The low-rank pair of the embedding or of the head.
struct VocabularyPair: Sendable {
    let rank: Int
    let scale: Double
    /// `[rank, vocabulary]` of the embedding, `[rank, hidden]` of the head.
    let a: TensorView
    /// `[hidden, rank]` and `[vocabulary, rank]`.
    let b: TensorView
    /// Of the head: `[vocabulary]`; scaled like `B A`.
    let bias: TensorView?
    /// `[hidden]` and `[vocabulary]`.
    let magnitude: TensorView?
    /// DoRA.
    let isDecomposed: Bool

    var tensors: [TensorView] { [a, b] + [bias, magnitude].compactMap { $0 } }

    /// The same with its elements, as long as the reader keeps them.
    func read(_ reader: ElementReader) throws(AdapterError) -> VocabularyPair {
        let bias: TensorView? = if let bias { try reader.read(bias) } else { nil }
        let magnitude: TensorView? = if let magnitude { try reader.read(magnitude) } else { nil }
        return VocabularyPair(
            rank: rank, scale: scale, a: try reader.read(a), b: try reader.read(b), bias: bias, magnitude: magnitude,
            isDecomposed: isDecomposed)
    }

    func byteCount(element: LowRank.Element, isEmbedding: Bool) -> Int {
        let factors = isDecomposed ? 4 * b.rows : 0
        if isEmbedding { return EmbeddingLowRank.byteCount(a: a, b: b, element: element) + factors }
        let bytes = LowRank.byteCounts(a: a, b: b, element: element)
        return bytes.a + bytes.b + 4 * (bias?.elementCount ?? 0) + factors
    }

    /// Something is added: the scale is not zero, and for some rank neither the row of A nor the column of B is.
    var adds: Bool { Float(scale) != 0 && zip(a.nonzeroRows(), b.nonzeroColumns()).contains { $0 && $1 } }
}
