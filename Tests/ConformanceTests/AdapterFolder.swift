import Foundation
import JSON
import Models
import Tensors
import Testing
import Weights

@testable import Adapters

/// Adapters in a folder of their own, which goes with this object.
final class AdapterFolder: Sendable {
    let path: String

    /// Small ones in memory, where the system has such a place: the suite writes thousands of them, and the writer waits for the
    /// disk each time.
    init(isLarge: Bool = false) throws {
        let isQuick = !isLarge && FileManager.default.isWritableFile(atPath: "/dev/shm")
        let parent = isQuick ? URL(fileURLWithPath: "/dev/shm") : FileManager.default.temporaryDirectory
        let url = parent.appendingPathComponent("lmoe-conformance-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes `name` with the configuration of `folder`, and with these members besides.
    func write(
        _ name: String, like folder: String, _ tensors: some Collection<TensorView>, members: JSONObject = [:]
    ) throws {
        let target = "\(path)/\(name)"
        try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
        var text = Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/adapter_config.json")))
        if !members.isEmpty {
            var document = try AdapterManifest(parsing: text).document
            for (key, value) in members { document[key] = value }
            text = JSONValue.object(document).serializedBytes()
        }
        try Data(text).write(to: URL(fileURLWithPath: "\(target)/adapter_config.json"))
        try SafetensorsWriter.write(Array(tensors), metadata: ["format": "pt"], to: "\(target)/adapter_model.safetensors")
    }

    func store(_ files: ModelFiles, element: LowRank.Element) -> AdapterStore {
        AdapterStore(
            folder: path, base: files.configuration, weights: BaseWeights(files), budgetBytes: 1 << 30, element: element)
    }
}
