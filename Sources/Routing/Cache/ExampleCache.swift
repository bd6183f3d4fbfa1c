internal import Files
import Generation
internal import Synchronization
internal import Tensors

/// What a router keeps on disk: embedded examples and trained rules of one encoder. Any thread.
///
/// A cache that fails costs time, never an answer. It is not silent: `problem` says what fails and what that costs.
final class ExampleCache: Sendable {
    let folder: String
    private let vectors: VectorCache
    private let rules: RuleCache
    private let encoder: String
    private let dimension: Int
    private let featureDimension: Int
    private let state = Mutex(State())

    private struct State {
        /// The first one since the last update began.
        var failure: FileError?
        var isWritable = true
        /// Texts that were embedded and could not be kept.
        var lostTexts = 0
        /// A mapped file became shorter, and its texts were embedded again.
        var isDamaged = false
    }

    init(folder: String, embedder: any TextEmbedder) {
        self.folder = folder
        encoder = embedder.identity
        dimension = embedder.dimension
        featureDimension = embedder.featureDimension
        vectors = VectorCache(folder: folder)
        rules = RuleCache(folder: folder, identity: embedder.identity)
    }

    /// What failed since `begin`, and what it costs; nil when nothing did.
    var problem: String? {
        let state = state.withLock { $0 }
        if let failure = state.failure {
            let cost = state.lostTexts > 0 ? "\(state.lostTexts) texts were embedded and cannot be kept: every start" : "every start"
            return "\(failure); \(cost) embeds its examples and trains its rules again. Free the disk, correct the permissions, or name "
                + "another folder with --cache"
        }
        return state.isDamaged ? "\(folder): files became shorter while they were in use; their texts were embedded again" : nil
    }

    /// Before an update: forgets earlier failures, and creates the folder.
    func begin() {
        state.withLock { $0 = State() }
        do throws(FileError) {
            try Folder.create(folder)
        } catch {
            state.withLock { $0 = State(failure: error, isWritable: false) }
        }
    }

    func examples(_ texts: [String]) -> ExampleVectors? {
        reading { () throws(FileError) in
            try vectors.load(texts: texts, encoder: encoder, dimension: dimension, featureDimension: featureDimension)
        }
    }

    /// Keeps embedded texts. Returns what was kept, mapped, so that it takes no memory of its own; nil when it could not be kept.
    func kept(_ examples: ExampleVectors) -> ExampleVectors? {
        let isKept = writing { () throws(FileError) in try vectors.store(examples, encoder: encoder) }
        guard isKept else {
            state.withLock { $0.lostTexts += examples.texts.count }
            return nil
        }
        return self.examples(examples.texts)
    }

    func rules(_ key: ContentDigest, _ set: TrainingSet) -> RuleCache.Rules? {
        reading { () throws(FileError) in try rules.load(key, set) }
    }

    func keep(_ trained: RuleCache.Rules, _ key: ContentDigest, adapters: Int) {
        _ = writing { () throws(FileError) in try rules.store(trained, key, adapters: adapters) }
    }

    /// A mapped file became shorter after it was opened, and its texts were embedded again.
    func noteDamage() { state.withLock { $0.isDamaged = true } }

    private func reading<Value>(_ body: () throws(FileError) -> Value?) -> Value? {
        do throws(FileError) {
            return try body()
        } catch {
            note(error)
            return nil
        }
    }

    /// After a failure nothing more is written until the next update: a full disk would refuse thousands of files one by one.
    private func writing(_ body: () throws(FileError) -> Void) -> Bool {
        guard state.withLock({ $0.isWritable }) else { return false }
        do throws(FileError) {
            try body()
            return true
        } catch {
            note(error)
            state.withLock { $0.isWritable = false }
            return false
        }
    }

    private func note(_ error: FileError) {
        state.withLock { if $0.failure == nil { $0.failure = error } }
    }
}
