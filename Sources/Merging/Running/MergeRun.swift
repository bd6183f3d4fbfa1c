internal import JSON
public import MergeMethods
internal import Models
internal import Synchronization
public import Tensors
internal import Weights

/// Writes a planned merge: tensor after tensor, each on all threads, into a hidden folder that gets its name at the end.
///
/// Memory holds some blocks of rows of each source, whatever the model's size: sources are mapped, and pages that were read are given back.
/// A run that was killed is taken up where it was, when recipe, sources and options are the same.
public final class MergeRun {
    private let plan: MergePlan
    private let options: MergeOptions
    private let staged: StagedModel
    private let journal: MergeJournal
    private let target: MergeTarget
    private let writer: WeightsWriter
    /// Of the files of weights.
    public var byteCount: Int { target.weights.byteCount }
    /// Bytes of the result that an earlier run wrote, as the plan counts them.
    public let resumedBytes: Int

    /// Elements between two notes in the journal, which wait for the disk.
    private static let noteBytes = 64 << 20
    /// Of sources, after which their pages are given back.
    private static let givenBackBytes = 128 << 20

    /// Opens the place of the result, or an unfinished run there. Errors: `exists`, `unwritable`, `noRoom` when the disk has less space than the
    /// result needs.
    public init(_ plan: MergePlan, to place: String, options: MergeOptions) throws(MergeError) {
        self.plan = plan
        self.options = options
        target = place.hasSuffix(".gguf") ? try MergeTarget(gguf: plan, dtype: options.ggufType) : try MergeTarget(folder: plan, shardBytes: options.shardBytes)
        staged = try StagedModel(place, replaces: options.replaces)
        if options.restarts { try staged.empty() }
        (journal, writer) = try Self.open(staged, target, plan.digest(options))
        resumedBytes = journal.complete.reduce(0) { $0 + (plan.tensors.indices.contains($1) ? plan.tensors[$1].byteCount : 0) }
    }

    /// The files of an unfinished run where they are whole, else new ones.
    private static func open(
        _ staged: StagedModel, _ target: MergeTarget, _ digest: ContentDigest
    ) throws(MergeError) -> (MergeJournal, WeightsWriter) {
        let journal = try MergeJournal(folder: staged.path, plan: digest)
        do throws(WeightsError) {
            return (journal, try WeightsWriter.reopen(target.weights, in: staged.path))
        } catch {
            guard journal.complete.isEmpty || error.code == .notFound || error.code == .malformed else {
                throw MergeError(error)
            }
            // Nothing, or only a part of the files, was made.
            try staged.empty()
            let journal = try MergeJournal(folder: staged.path, plan: digest)
            do throws(WeightsError) {
                let writer = try WeightsWriter.create(target.weights, in: staged.path)
                try target.begin(writer)
                return (journal, writer)
            } catch {
                staged.giveUp()
                throw MergeError(error)
            }
        }
    }

    /// Does what is left, and gives the result its name.
    ///
    /// - Parameters:
    ///   - progress: told the bytes of the result that are complete.
    ///   - isInterrupted: asked after each block.
    ///
    /// Errors: those of sources and methods; `nonFinite`, `changed`, `unwritable`, `interrupted`. After an interruption, or where the disk is full,
    /// what was written stays for the next run; after others it is deleted.
    public func run(
        pool: WorkerPool, progress: (Int) -> Void, isInterrupted: @Sendable () -> Bool
    ) throws(MergeError) {
        var done = resumedBytes
        var (unnoted, unnotedBytes, readBytes) = ([Int](), 0, 0)
        do throws(MergeError) {
            for (index, tensor) in plan.tensors.enumerated() where !journal.complete.contains(index) {
                try write(tensor, index, pool, isInterrupted)
                done += tensor.byteCount
                progress(done)
                unnoted.append(index)
                unnotedBytes += tensor.byteCount
                if unnotedBytes >= Self.noteBytes {
                    try note(&unnoted)
                    unnotedBytes = 0
                }
                readBytes += tensor.elementCount * 2 * tensor.inputs.count
                if readBytes >= Self.givenBackBytes {
                    plan.sources.forEach { $0.giveBack() }
                    readBytes = 0
                }
            }
            try note(&unnoted)
            for source in plan.sources { try source.checkUnchanged() }
        } catch {
            switch error.code {
            case .interrupted: try note(&unnoted)
            case .unwritable, .noRoom: break
            default: staged.giveUp()
            }
            throw error
        }
        try finish()
    }

    private func note(_ tensors: inout [Int]) throws(MergeError) {
        guard !tensors.isEmpty else { return }
        try MergeError.converting { () throws(WeightsError) in try writer.flush() }
        try journal.note(tensors)
        tensors = []
    }

    private func write(
        _ tensor: MergedTensor, _ index: Int, _ pool: WorkerPool, _ isInterrupted: @Sendable () -> Bool
    ) throws(MergeError) {
        if tensor.work == .equal { return try copy(tensor, index) }
        try plan.work(tensor, seed: options.seed).run(pool: pool) { [target, writer] rows, values throws(MergeError) in
            guard !isInterrupted() else { throw MergeError(.interrupted, "the merge was interrupted; the same command goes on with it") }
            let loss = try MergeError.converting { () throws(WeightsError) in try target.write(rows, of: index, from: values, to: writer) }
            guard loss.isEmpty else {
                let what =
                    loss.notFinite > 0
                    ? "\(loss.notFinite) numbers of the result are not finite"
                    : "\(loss.overflows) numbers of the result are too large for their type: write another `out_dtype` or --type"
                throw MergeError(.nonFinite, what, tensor: tensor.name)
            }
        }
    }

    /// Integers: tables, which must be the same in all sources.
    private func copy(_ tensor: MergedTensor, _ index: Int) throws(MergeError) {
        let tables = tensor.inputs.compactMap { plan.sources[$0.source].tensors[$0.name] }
        guard let first = tables.first, let view = first.stored else { return }
        for other in tables where !first.hasSameBytes(other) {
            throw MergeError(.mismatch, "its integers differ from those in \(first.file), and integers are not merged", file: other.file, tensor: other.name)
        }
        try MergeError.converting { () throws(WeightsError) in
            try view.withUnsafeBytes { (bytes) throws(WeightsError) in try writer.write(bytes, tensor: index) }
        }
    }

    private func finish() throws(MergeError) {
        try MergeError.converting { () throws(WeightsError) in try writer.finish() }
        if let file = target.fileName { return try staged.commit(file: file) }
        for (name, bytes) in try plan.smallFiles(name: staged.name).sorted(by: { $0.key < $1.key }) { try staged.write(bytes, to: name) }
        try staged.remove(MergeJournal.name)
        try staged.commit()
    }
}
