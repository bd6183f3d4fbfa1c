import Foundation
import JSON
import Models
import Tensors
import Testing
import Weights

@testable import Adapters

/// An adapter of some family as its own package wrote it, and what that package computes with it.
struct FixtureCase: Sendable, CustomTestStringConvertible {
    let name: String
    let folder: String
    /// The folder's name of its base in `Tests/ModelsTests/Fixtures/tiny`.
    let base: String

    var testDescription: String { name }

    private init(_ name: String, in parent: String) {
        self.name = name
        folder = "\(parent)/\(name)"
        let text = (try? Data(contentsOf: URL(fileURLWithPath: "\(folder)/adapter_config.json"))).map(Array.init) ?? []
        let config = (try? AdapterManifest(parsing: text))?.document["base_model_name_or_path"]
        base = config.flatMap { if case .string(let path) = $0 { path.split(separator: "/").last.map(String.init) } else { nil } } ?? ""
    }

    static let folders = ["\(Repository.path)/Tests/ConformanceTests/Fixtures/tiny", "\(Repository.path)/Tests/AdaptersTests/Fixtures/tiny"]

    /// Every folder of fixtures, those of `AdaptersTests` as well.
    static let all: [FixtureCase] = folders.flatMap { parent in
        ((try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []).sorted().map { FixtureCase($0, in: parent) }
    }

    static func named(_ name: String) throws -> FixtureCase { try #require(all.first { $0.name == name }) }

    func expected() throws -> SafetensorsFile { try SafetensorsFile.open("\(folder)/expected.safetensors") }

    /// Its parent as a store of adapters for its base.
    func store(element: LowRank.Element) throws -> AdapterStore {
        let files = try TinyBase.files(base)
        return AdapterStore(
            folder: URL(fileURLWithPath: folder).deletingLastPathComponent().path, base: files.configuration,
            weights: BaseWeights(files), budgetBytes: 64 << 20, element: element)
    }
}

enum Repository {
    static let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
}

/// The tiny models that fixtures are made for.
enum TinyBase {
    static func files(_ name: String) throws -> ModelFiles {
        try ModelFiles.open("\(Repository.path)/Tests/ModelsTests/Fixtures/tiny/\(name)")
    }

    static func decoder(
        _ name: String, _ precision: ModelPrecision, threads: Int = 1, maximumRows: Int = 512
    ) throws -> StepWorkspace {
        try StepWorkspace(files(name), precision: precision, pool: WorkerPool(threads: threads), maximumRows: maximumRows)
    }
}

extension TensorView {
    func int32s() -> [Int32] {
        withUnsafeBytes { bytes in
            (0..<elementCount).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self) }
        }
    }
}
