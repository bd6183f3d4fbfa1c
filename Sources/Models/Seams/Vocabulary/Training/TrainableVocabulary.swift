internal import Tensors

/// The vocabulary seam of an adapter in training: pointers into its buffers. Isolation: that of its `TrainableAdapter`.
struct TrainableVocabulary {
    /// `[hidden]` from `[vocabulary]`: its shrinking matrix has a row for each token.
    let embedding: TrainableMap?
    /// `[vocabulary]` from `[hidden]`.
    let head: TrainableMap?
    let embeddingRows: TrainableRows?
    /// Those of the embedding where the head is tied.
    let headRows: TrainableRows?

    init(
        _ form: VocabularyForm, _ configuration: DecoderConfiguration, _ tensors: [ParameterTensor], parameters: UnsafeMutablePointer<Float>,
        gradients: UnsafeMutablePointer<Float>
    ) throws(ResourceError) {
        precondition(form.headTokens.isEmpty || !configuration.tiedHead, "a tied head has the rows of the embedding")
        func map(
            _ own: VocabularyForm.LowRankForm?, _ place: ParameterTensor.Place, outputs: Int, inputs: Int
        ) throws(ResourceError) -> TrainableMap? {
            guard let own else { return nil }
            return try TrainableMap(
                .lowRank(rank: own.rank, scale: own.scale), (outputs, inputs), tensors.filter { $0.place == place }, parameters: parameters,
                gradients: gradients)
        }
        func rows(_ tokens: [Int32], _ place: ParameterTensor.Place) -> TrainableRows? {
            tensors.first { $0.place == place && $0.kind == .tokenRows }.map {
                TrainableRows(tokens, columns: $0.columns, parameters + $0.offset, gradients + $0.offset)
            }
        }
        embedding = try map(form.embedding, .embedding, outputs: configuration.hidden, inputs: configuration.vocabulary)
        head = try map(form.head, .head, outputs: configuration.vocabulary, inputs: configuration.hidden)
        embeddingRows = rows(form.embeddingTokens, .embedding)
        headRows = configuration.tiedHead ? embeddingRows : rows(form.headTokens, .head)
    }

    var maps: [TrainableMap] { [embedding, head].compactMap { $0 } }
    var trainsEmbedding: Bool { embedding != nil || embeddingRows != nil }
    var trainsHead: Bool { head != nil || headRows != nil }
}

/// Trained rows of some tokens, `[tokens, columns]`.
struct TrainableRows {
    let tokens: [Int32]
    let columns: Int
    let values: UnsafePointer<Float>
    let gradient: UnsafeMutablePointer<Float>

    init(_ tokens: [Int32], columns: Int, _ values: UnsafeMutablePointer<Float>, _ gradient: UnsafeMutablePointer<Float>) {
        (self.tokens, self.columns, self.values, self.gradient) = (tokens, columns, UnsafePointer(values), gradient)
    }

    /// The first place whose token is not below it.
    private func place(notBelow token: Int) -> Int {
        var (low, high) = (0, tokens.count)
        while low < high {
            let middle = (low + high) / 2
            if Int(tokens[middle]) < token { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Nil: the token has no row here.
    func place(of token: Int32) -> Int? {
        let place = place(notBelow: Int(token))
        return place < tokens.count && tokens[place] == token ? place : nil
    }

    /// Places of the tokens in a part of the vocabulary.
    func places(_ range: Range<Int>) -> Range<Int> { place(notBelow: range.lowerBound)..<place(notBelow: range.upperBound) }
}
