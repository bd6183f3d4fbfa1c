internal import Synchronization
internal import Tensors

/// Reads the elements of an adapter's tensors from the file for the matrices of a delta.
///
/// Each thread reads one tensor at a time into a small buffer of its own and hashes it while it is in the cache: the whole file is
/// never in memory, and each element is fetched once. Several threads read at once.
public final class AdapterElements: Sendable {
    private let weights: AdapterWeights
    /// The views have their elements.
    private let areRead: Bool
    /// Where tensors that have elements begin, in the order of the file.
    private let offsets: [Int]
    private let isHashed: Bool
    /// Of each of them, once it was read.
    private let digests: Mutex<[ContentDigest?]>

    /// `isHashed` false spares the hash.
    init(_ weights: AdapterWeights, areRead: Bool, isHashed: Bool) {
        self.weights = weights
        self.areRead = areRead
        offsets = weights.tensors.values.filter { $0.byteCount > 0 }.map { weights.place(of: $0) }.sorted()
        self.isHashed = isHashed
        digests = Mutex(Array(repeating: nil, count: offsets.count))
    }

    /// Calls `body` for each index below `count`, on several threads when there are many `bytes`, this one among them. A reader
    /// belongs to a thread, has room for `room` bytes of tensors and is empty when `body` gets it.
    func spread(_ count: Int, bytes: Int, room: Int, _ body: @Sendable (Int, ElementReader) -> Void) {
        let threads = min(Parallel.threads, bytes / Self.bytesPerThread)
        // One piece a reader: so many targets that threads end at about the same time, and few readers.
        let piece = max(1, count / (8 * Parallel.threads))
        Parallel.forEach(count, threads: threads, piece: piece) { range in
            let reader = ElementReader(self, room: room)
            for index in range {
                reader.clear()
                body(index, reader)
            }
        }
    }

    /// The hash of every tensor, in the order of the file; tensors that were not read yet are read now. Nil without hashing.
    /// Errors: as `ElementReader.read`.
    func allDigests() throws(AdapterError) -> [ContentDigest]? {
        guard isHashed else { return nil }
        for tensor in weights.tensors.values {
            guard let place = place(of: tensor), digests.withLock({ $0[place] }) == nil else { continue }
            _ = try ElementReader(self, room: ElementReader.room(tensor)).read(tensor)
        }
        return digests.withLock { $0.compactMap { $0 } }
    }

    private static let bytesPerThread = 512 << 10

    // MARK: For readers

    /// Puts the elements into memory of `view.byteCount` bytes. False when the view has them already.
    fileprivate func read(_ view: TensorView, into target: UnsafeMutableRawPointer) throws(AdapterError) -> Bool {
        if areRead { return false }
        try weights.read(view, into: target)
        return true
    }

    /// Keeps the hash of a tensor of the file, of which `filled` has the elements.
    fileprivate func note(_ view: TensorView, _ filled: TensorView) {
        guard isHashed, let place = place(of: view) else { return }
        let digest = ContentDigest(of: filled.bytes)
        digests.withLock { $0[place] = digest }
    }

    /// In `offsets`; nil for a tensor without elements.
    private func place(of view: TensorView) -> Int? {
        guard view.byteCount > 0 else { return nil }
        let offset = weights.place(of: view)
        var (low, high) = (0, offsets.count)
        while low < high {
            let middle = (low + high) / 2
            if offsets[middle] < offset { low = middle + 1 } else { high = middle }
        }
        return low < offsets.count ? low : nil
    }
}

/// Reads tensors for one thread.
final class ElementReader {
    private let elements: AdapterElements
    private let capacity: Int
    private let memory: Memory
    private var used = 0

    /// `@unchecked Sendable`: views of it are valid, and used by one thread, until its reader is cleared.
    private final class Memory: @unchecked Sendable {
        let start: UnsafeMutableRawPointer
        init(_ byteCount: Int) { start = .allocate(byteCount: max(byteCount, 1), alignment: 64) }
        deinit { start.deallocate() }
    }

    fileprivate init(_ elements: AdapterElements, room: Int) {
        self.elements = elements
        capacity = room
        memory = Memory(room)
    }

    /// Bytes that a tensor takes of a reader's room.
    static func room(_ view: TensorView) -> Int { (view.byteCount + 63) / 64 * 64 }

    /// The tensor with its elements, valid until `clear`. Errors: `io`, and `notReady` when the file became shorter.
    func read(_ view: TensorView) throws(AdapterError) -> TensorView {
        let room = Self.room(view)
        precondition(room <= capacity - used, "a reader has room for the tensors that one target needs")
        let target = memory.start + used
        let isRead = try elements.read(view, into: target)
        used += isRead ? room : 0
        let filled = isRead ? view.at(target, keptBy: memory) : view
        elements.note(view, filled)
        return filled
    }

    /// Before the next target: views that were read are not used any more.
    fileprivate func clear() { used = 0 }
}
