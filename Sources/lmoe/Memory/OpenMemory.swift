import Adapters
import ArgumentParser
import Embeddings
import Files
import Foundation
import Gateway
import Generation
import Inference
import Memory
import Tensors

/// Which memory a command means, and where it is.
struct MemoryOptions: SettingOptions {
    @Option(.adapters) var adapters: String?
}

/// A memory of the adapters folder with what asks and tells it.
struct OpenMemory {
    let workspace: Workspace
    let name: String
    let folder: String

    /// Errors: `usage` for a name that no adapter may have, and where nothing says which memory is meant.
    init(_ model: ModelOptions, _ places: MemoryOptions, name given: String?, forTelling: Bool = false) throws {
        workspace = try Workspace(model, flags: places.flags)
        let adapters = workspace.configuration.adapters
        name = try given ?? Self.only(adapters, forTelling: forTelling)
        try AdapterName.check(name)
        folder = "\(adapters)/\(name)"
    }

    static let standardName = "facts"

    /// The only memory of the folder. To tell, a new one is made where there is none.
    private static func only(_ adapters: String, forTelling: Bool) throws -> String {
        // A folder that is there and cannot be read is not empty.
        let found = FileManager.default.fileExists(atPath: adapters) ? try Folder.names(adapters, limit: 100_000) : []
        let names = try found.sorted().filter { try !$0.hasPrefix(".") && MemoryFolder.isMemory("\(adapters)/\($0)") }
        if let first = names.first, names.count == 1 { return first }
        if names.isEmpty, forTelling { return standardName }
        throw Failure.usage(
            names.isEmpty
                ? "there is no memory in \(adapters): `lmoe remember \"QUESTION\" \"ANSWER\"` makes one"
                : "there are the memories \(names.joined(separator: ", ")): name one with --memory")
    }

    var exists: Bool { FileManager.default.fileExists(atPath: folder) }

    /// What is stored, for commands that only read. Errors: `notFound`.
    func snapshot() throws -> MemorySnapshot {
        guard exists else { throw Failure(message: "there is no memory \(name) in \(workspace.configuration.adapters)") }
        return try MemorySnapshot.read(folder)
    }

    func encoder() throws -> EncoderEmbedder {
        guard let encoder = try workspace.encoder.open() as? EncoderEmbedder else {
            throw Failure.usage("a memory needs an encoder with word pieces, such as models/encoder (--encoder)")
        }
        return encoder
    }

    func base() throws -> (model: BaseModel, memory: MemoryBase) {
        let model = try workspace.base()
        return (model, workspace.configuration.memoryBase(model))
    }

    /// What tells it. Errors: another process writes into it.
    func teller(_ base: BaseModel) throws -> MemoryTeller {
        let library = workspace.configuration.openMemories(for: base.weights)
        let memory = try library.memory(at: folder)
        let calibration = try MemoryCalibration(contentsOf: MemoryFolder.calibrationPath(folder))
        let writer = try MemoryWriter(workspace.configuration.memoryBase(base), calibration, pool: workspace.pool)
        return try MemoryTeller(memory, writer: writer, encoder: try encoder())
    }

    /// Looks for the base's best layer and makes the folder.
    func create(_ base: MemoryBase, description: String, isThorough: Bool = false) throws {
        let calibration = try calibrate(base, isThorough: isThorough)
        let encoder = try encoder()
        try MemoryFolder.create(folder, calibration, encoder: (encoder.identity, encoder.dimension), description: description)
        Terminal.say("made the memory \(name) in \(folder): facts act at layer \(calibration.site) of \(base.weights.configuration.layers)")
    }

    /// - Parameter isThorough: all layers of the upper third are tried, with more facts; otherwise the three that are most often best.
    func calibrate(_ base: MemoryBase, isThorough: Bool = false) throws -> MemoryCalibration {
        let candidates = SiteSweep.candidates(base.weights.configuration)
        let sweep = isThorough ? SiteSweep(sites: candidates) : SiteSweep(sites: Array(candidates.prefix(3)), facts: 8)
        Terminal.progress("calibrating \(base.name): writing \(sweep.facts) facts at each of the layers \(sweep.sites)")
        let found = try sweep.run(base, pool: workspace.pool) { score in
            Terminal.progress("  layer \(score.site): \(score.right) of \(score.asked) other wordings answered, \(Figure.decimals(score.steps, 1)) steps a fact")
        }
        guard let found else { throw Failure(message: "interrupted") }
        return found.calibration
    }
}
