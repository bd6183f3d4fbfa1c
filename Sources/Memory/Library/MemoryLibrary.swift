internal import Dispatch
internal import Glibc
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
        /// Of the folder: one that was replaced has another.
        var inode: ino_t
        let open: DispatchGroup

        /// Nothing uses it, and it has given back the right to write.
        var isClosed: Bool { memory == nil && open.wait(timeout: .now()) == .success }
    }

    public init(baseIdentity: String, configuration: DecoderConfiguration) {
        self.baseIdentity = baseIdentity
        self.configuration = configuration
    }

    /// The memory of a folder if it is open.
    public func openMemory(at folder: String) -> FactMemory? { memories.withLock { $0[folder]?.memory } }

    /// The memory of a folder: the one that is open, or a new one. Errors: those of `FactMemory`.
    public func memory(at folder: String) throws(MemoryError) -> FactMemory {
        try memories.withLock { memories throws(MemoryError) in
            var status = stat()
            guard stat(folder, &status) == 0 else { throw MemoryError(.notFound, "cannot open: \(String(cString: strerror(errno)))", place: folder) }
            if let entry = memories[folder], entry.inode == status.st_ino, let open = entry.memory { return open }
            // The one before may be on its way out. Before it is closed, another one could only read, as long as anything uses it.
            if let entry = memories[folder], entry.memory == nil { entry.open.wait() }
            let memory = try FactMemory(folder, baseIdentity: baseIdentity, configuration: configuration, gates: gates)
            memories = memories.filter { !$0.value.isClosed }
            memories[folder] = Entry(memory: memory, inode: status.st_ino, open: memory.open)
            return memory
        }
    }
}
