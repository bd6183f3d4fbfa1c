internal import Synchronization
public import Tensors

/// The encoder's result for one text, borrowed inside a call.
public struct EncodedText {
    /// `[tokens, hidden]`: of the last layer.
    public let states: UnsafeBufferPointer<Float>
    /// `[2, hidden]`: means over the tokens of the states that enter the first layer, and the layer after two thirds of the layers.
    public let layerMeans: UnsafeBufferPointer<Float>

    public init(states: UnsafeBufferPointer<Float>, layerMeans: UnsafeBufferPointer<Float>) {
        self.states = states
        self.layerMeans = layerMeans
    }
}

/// A BERT-style encoder: tokens of texts in, hidden states out.
///
/// Any thread may call it, and any number of users share it; calls wait for each other. `@unchecked Sendable`: `lock` guards the
/// working memory, and the rest is immutable. The test that encodes on many threads at once would catch a breach.
public final class Encoder: @unchecked Sendable {
    /// Rows that go through the layers together, unless one text is longer.
    private static let rows = 512

    public let configuration: EncoderConfiguration
    public let precision: ModelPrecision
    private let weights: EncoderWeights
    /// What the tables of words and positions are looked up in.
    private let mappedFiles: [MappedFile]
    private let plan: EncoderPlan
    private let path: Path
    private let lock = Mutex(())

    private enum Path {
        case fast(FastEncoder)
        case reference(ReferenceEncoder)
    }

    /// A folder with `config.json` and `model*.safetensors`. The fast path packs the matrices to 8 bits and runs on `pool`, which it
    /// may share with a decoder. Errors: `notFound`, `malformed`, `unsupported`, `invalidConfiguration`, `missingTensor`,
    /// `unexpectedTensor`, `wrongShape`, `noMemory`.
    public init(folder: String, precision: ModelPrecision, pool: WorkerPool) throws(ModelError) {
        let files = try EncoderFiles(folder)
        configuration = files.configuration
        self.precision = precision
        weights = try EncoderWeights(files)
        plan = try EncoderPlan(capacity: max(Self.rows, configuration.maximumTokens), configuration: configuration)
        switch precision {
        case .fast: path = .fast(try FastEncoder(files, weights, plan: plan, pool: pool))
        case .reference: path = .reference(ReferenceEncoder(configuration, weights, plan: plan))
        }
        mappedFiles = files.mappedFiles
        try mappedFiles.checkWhole()
    }

    /// Calls `body(text, encoded)` for each text in order; `encoded` is valid inside the call. Texts include their special tokens. A
    /// text's states have the same bits alone and among others in the fast path.
    ///
    /// Errors, before anything is computed: `limitExceeded` when a text has more than `configuration.maximumTokens`
    /// tokens, `invalidConfiguration` when a token is not in the vocabulary. After: `malformed` when a file became shorter
    /// meanwhile; the results must not be used then. `body` must not call the encoder.
    public func encode(
        _ texts: [[Int32]], body: (_ text: Int, _ encoded: EncodedText) -> Void
    ) throws(ModelError) {
        try check(texts)
        lock.withLock { _ in
            var first = 0
            while first < texts.count {
                plan.clear()
                var next = first
                while next < texts.count, texts[next].isEmpty || plan.append(texts[next]) { next += 1 }
                if plan.rows > 0 { run() }
                let hidden = configuration.hidden
                var (row, place) = (0, 0)
                for text in first..<next {
                    let count = texts[text].count
                    body(
                        text,
                        EncodedText(
                            states: .init(start: plan.residual.pointer + row * hidden, count: count * hidden),
                            layerMeans: .init(start: plan.layerMeans.pointer + 2 * place * hidden, count: count > 0 ? 2 * hidden : 0)))
                    row += count
                    place += count > 0 ? 1 : 0
                }
                first = next
            }
        }
        try mappedFiles.checkWhole()
    }

    private func run() {
        switch path {
        case .fast(let encoder): encoder.run()
        case .reference(let encoder): encoder.run()
        }
    }

    private func check(_ texts: [[Int32]]) throws(ModelError) {
        for (index, text) in texts.enumerated() {
            guard text.count <= configuration.maximumTokens else {
                throw ModelError(
                    .limitExceeded,
                    "text \(index) has \(text.count) tokens, the encoder takes \(configuration.maximumTokens)")
            }
            for token in text where !(0..<configuration.vocabulary ~= Int(token)) {
                throw ModelError(
                    .invalidConfiguration, "text \(index) has token \(token), the encoder has \(configuration.vocabulary)")
            }
        }
    }
}
