import Foundation
import JSON
import Tensors
import Weights

@testable import Models

/// A folder for files that a test writes, deleted with this object.
final class ExportedModel {
    let path = NSTemporaryDirectory() + "lmoe-export-\(UUID().uuidString)"
    var gguf: String { path + "/model.gguf" }

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A copy of a tiny model's folder with a tokenizer, which those of the fixtures lack.
    convenience init(copying folder: String) throws {
        try self.init()
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) where !name.hasSuffix(".gguf") {
            try FileManager.default.copyItem(atPath: "\(folder)/\(name)", toPath: "\(path)/\(name)")
        }
        try write(Self.tokenizer, as: "tokenizer.json")
    }

    func write(_ value: JSONValue, as name: String) throws { try Data(value.serializedBytes()).write(to: URL(fileURLWithPath: "\(path)/\(name)")) }

    /// Byte-level BPE of five tokens.
    static let tokenizer: JSONValue = [
        "added_tokens": [["id": 4, "content": "<|end|>", "special": true, "normalized": false]], "normalizer": nil,
        "pre_tokenizer": ["type": "ByteLevel", "add_prefix_space": false, "use_regex": true], "decoder": ["type": "ByteLevel"], "post_processor": nil,
        "model": ["type": "BPE", "vocab": ["a": 0, "b": 1, "Ġ": 2, "ab": 3, "<|end|>": 4], "merges": ["a b"]],
    ]

    /// Writes a model here and opens it. Rows go to the writer in uneven pieces.
    func export(_ files: ModelFiles, as dtype: DType, gguf: Bool) throws -> (files: ModelFiles, loss: EncodingLoss, exceptions: [String]) {
        let tensors = try files.checkpointTensors()
        let list: [ModelExport.Tensor] = tensors.map { ($0.name, $0.shape) }
        let export = try gguf ? ModelExport.gguf(list, as: dtype, head: GGUFHead(files)) : ModelExport.safetensors(list, as: dtype)
        let writer = try WeightsWriter.create(export.plan, in: path)
        try export.writeConstants(to: writer)
        var loss = EncodingLoss()
        for (index, tensor) in tensors.enumerated() {
            let step = max(7, (1 << 18) / tensor.view.columns)
            let buffer = FloatBuffer(count: min(step, tensor.view.rows) * tensor.view.columns)
            for first in stride(from: 0, to: tensor.view.rows, by: step) {
                let rows = first..<min(first + step, tensor.view.rows)
                try tensor.read(rows, into: buffer.pointer)
                loss += try export.write(rows, of: index, from: buffer.pointer, to: writer)
            }
        }
        try writer.finish()
        if !gguf {
            for file in try CheckpointDocuments(files, dtype: dtype).files { try Data(file.bytes).write(to: URL(fileURLWithPath: "\(path)/\(file.name)")) }
        }
        return (try ModelFiles.open(gguf ? self.gguf : path), loss, export.exceptions)
    }
}
