public import Models
internal import Synchronization

/// The memories of one base that are open in this process. Any thread.
///
/// A memory's folder is an adapter's folder. It is open as long as something uses it: an adapter that is loaded, or a teller.
public final class MemoryLibrary: Sendable {
    /// `ModelFiles.identity` of the base.
    public let baseIdentity: String
    let configuration: DecoderConfiguration
    private let gates = GateSource()
    private let memories = Mutex<[String: Entry]>([:])

    private struct Entry {
        weak var memory: FactMemory?
    }

    public init(baseIdentity: String, configuration: DecoderConfiguration) {
        self.baseIdentity = baseIdentity
        self.configuration = configuration
    }

    /// The memory of a folder: the one that is open, or a new one. Errors: those of `FactMemory`.
    public func memory(at folder: String) throws(MemoryError) -> FactMemory {
        try memories.withLock { memories throws(MemoryError) in
            if let open = memories[folder]?.memory { return open }
            let memory = try FactMemory(folder, baseIdentity: baseIdentity, configuration: configuration, gates: gates)
            memories = memories.filter { $0.value.memory != nil }
            memories[folder] = Entry(memory: memory)
            return memory
        }
    }
}
