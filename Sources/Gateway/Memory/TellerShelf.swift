internal import Dispatch
import Generation
internal import Memory
internal import Models
internal import Tensors

/// What tells the memories of a base, one teller a folder.
///
/// `@unchecked Sendable`: `tellers` is the one thing that changes, and a teller is for one thread at a time. `queue` guards both: `teller`
/// stops the program on any other. Everything else is constant and `Sendable` by itself.
final class TellerShelf: @unchecked Sendable {
    private let memories: MemoryLibrary
    private let base: MemoryBase
    private let encoder: any TextEmbedder
    private let pool: WorkerPool
    /// Of the time while requests run, what writing gets.
    private let share: Double
    private let interruption: Interruption
    let queue = DispatchQueue(label: "lmoe.memory", qos: .utility)
    private var tellers: [String: MemoryTeller] = [:]

    init(_ memories: MemoryLibrary, _ base: MemoryBase, encoder: any TextEmbedder, pool: WorkerPool, share: Double, interruption: Interruption) {
        self.share = share
        self.memories = memories
        self.base = base
        self.encoder = encoder
        self.pool = pool
        self.interruption = interruption
    }

    /// Errors: those of `FactMemory`.
    func memory(_ folder: String) throws(MemoryError) -> FactMemory { try memories.memory(at: folder) }

    /// Runs what tells facts, with the time that it may take from requests.
    func writing<Value, Failure: Error>(_ body: () throws(Failure) -> Value) throws(Failure) -> Value {
        guard let cores = pool.share else { return try body() }
        return try cores.withBackground(atLeast: share, body)
    }

    /// Nil: nothing has asked or told it.
    func openMemory(_ folder: String) -> FactMemory? { memories.openMemory(at: folder) }

    /// Errors: those of `MemoryCalibration`, `MemoryWriter` and `MemoryTeller`.
    func teller(_ folder: String) throws(MemoryError) -> MemoryTeller {
        dispatchPrecondition(condition: .onQueue(queue))
        let memory = try memory(folder)
        // A folder that was replaced is another memory.
        if let teller = tellers[folder], teller.memory === memory { return teller }
        let calibration = try MemoryCalibration(contentsOf: MemoryFolder.calibrationPath(folder))
        let writer = try MemoryWriter(base, calibration, pool: pool, interruption: interruption)
        let teller = try MemoryTeller(memory, writer: writer, encoder: encoder)
        tellers[folder] = teller
        return teller
    }
}
