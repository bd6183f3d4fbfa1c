import Generation
import UV

/// Responses that later requests may name, in memory. Loop only.
///
/// Each belongs to the key that asked for it. Those that were used longest ago leave when there are more, or more bytes, than the limits
/// allow; all leave after their time.
@LoopActor
final class ResponseStore {
    typealias Owner = FineTuningOwner.Identity

    struct Entry {
        /// As it was sent.
        var response: [UInt8]
        /// The conversation with the answer: what came before, without instructions, then the answer's items.
        var items: [ResponseItem]
        /// Of the items, those before the answer.
        var inputCount: Int
        /// Unix seconds.
        var created: Int
        fileprivate var owner: Owner
        fileprivate var byteCount = 0
        fileprivate var lastUse = 0

        init(response: [UInt8], items: [ResponseItem], inputCount: Int, created: Int, owner: Owner) {
            self.response = response
            self.items = items
            self.inputCount = inputCount
            self.created = created
            self.owner = owner
            byteCount = response.count + items.reduce(256) { $0 + $1.byteCount }
        }
    }

    private var entries: [String: Entry] = [:]
    private var uses = 0
    private let limits: APILimits
    private let clock: @Sendable () -> Int
    /// Bytes of all entries.
    private(set) var byteCount = 0
    var count: Int { entries.count }

    /// - Parameter clock: Unix seconds.
    init(limits: APILimits, clock: @escaping @Sendable () -> Int) {
        self.limits = limits
        self.clock = clock
    }

    /// Keeps a response. One that alone has more bytes than all may have is not kept.
    func keep(_ id: String, _ entry: Entry) {
        dropOld()
        guard limits.storedResponses > 0, entry.byteCount <= limits.storedResponseBytes else { return }
        while entries.count >= limits.storedResponses || byteCount + entry.byteCount > limits.storedResponseBytes {
            guard let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) else { break }
            drop(oldest.key)
        }
        entries[id] = entry
        byteCount += entry.byteCount
        use(id)
    }

    /// nil where it is not there, has had its time, or is another key's.
    func entry(_ id: String, of owner: Owner) -> Entry? {
        guard id.utf8.count <= Self.longestID, let entry = entries[id], entry.owner == owner else { return nil }
        guard !isOld(entry) else {
            drop(id)
            return nil
        }
        use(id)
        return entry
    }

    /// False where there is none.
    func delete(_ id: String, of owner: Owner) -> Bool {
        guard entry(id, of: owner) != nil else { return false }
        drop(id)
        return true
    }

    /// Stored items of these identities. `O(items)`.
    func items(_ ids: Set<String>, of owner: Owner) -> [String: ResponseItem] {
        guard !ids.isEmpty else { return [:] }
        var found: [String: ResponseItem] = [:]
        for entry in entries.values where entry.owner == owner && !isOld(entry) {
            for item in entry.items where ids.contains(item.id) { found[item.id] = item }
        }
        return found
    }

    private static let longestID = 128

    private func use(_ id: String) {
        uses += 1
        entries[id]?.lastUse = uses
    }

    private func isOld(_ entry: Entry) -> Bool { clock() - entry.created >= limits.storedResponseSeconds }

    private func dropOld() {
        for (id, entry) in entries where isOld(entry) { drop(id) }
    }

    private func drop(_ id: String) {
        guard let entry = entries.removeValue(forKey: id) else { return }
        byteCount -= entry.byteCount
    }
}
