import Foundation
import Models
import Tensors

@testable import Adapters

/// A LoRA file of llama.cpp, field by field, sound unless a test changes it.
struct TinyGGUF {
    enum Value {
        case text(String)
        case float(Float)
        case unsigned(UInt32)
        case unsignedArray([UInt32])
    }

    struct Tensor {
        var name: String
        /// Row-major, as in PEFT; the file has them reversed.
        var shape: [Int]
        /// GGML's number.
        var type: UInt32
        var bytes: [UInt8]
    }

    var keys: [(key: String, value: Value)]
    var tensors: [Tensor] = []

    init(alpha: Float? = 4, architecture: String = "llama") {
        keys = [
            ("general.architecture", .text(architecture)), ("general.type", .text("adapter")), ("adapter.type", .text("lora")),
            ("general.name", .text("Tiny")), ("general.base_model.0.repo_url", .text("https://models.example/someone/tiny")),
        ]
        if let alpha { keys.append(("adapter.lora.alpha", .float(alpha))) }
        keys.append(("general.quantization_version", .unsigned(2)))
    }

    /// The same tensors under llama.cpp's names, f32, rows of queries and keys in its order.
    init(_ adapter: TinyAdapter, base: DecoderConfiguration = TinyBase.llama, alpha: Float? = 4) {
        self.init(alpha: alpha)
        let short: [Projection: String] = [
            .query: "attn_q", .key: "attn_k", .value: "attn_v", .output: "attn_output", .gate: "ffn_gate", .up: "ffn_up",
            .down: "ffn_down",
        ]
        for layer in 0..<base.layers {
            for projection in Projection.allCases {
                guard let a = adapter.tensors[TinyAdapter.a(layer, projection)], let b = adapter.tensors[TinyAdapter.b(layer, projection)]
                else { continue }
                let stem = "blk.\(layer).\(short[projection] ?? "").weight"
                set("\(stem).lora_a", a.shape, adapter.values(a.name))
                let turns = projection == .query || projection == .key
                set("\(stem).lora_b", b.shape, turns ? Self.interleaved(adapter.values(b.name), b, base) : adapter.values(b.name))
            }
        }
    }

    /// llama.cpp's order, by its own description: of the two halves of a head, in turns a row of each.
    private static func interleaved(_ values: [Float], _ view: TensorView, _ base: DecoderConfiguration) -> [Float] {
        let half = base.headDimension / 2
        return (0..<view.rows / base.headDimension).flatMap { head in
            (0..<half).flatMap { pair in
                [0, half].flatMap { start -> ArraySlice<Float> in
                    let row = head * base.headDimension + start + pair
                    return values[row * view.columns..<(row + 1) * view.columns]
                }
            }
        }
    }

    mutating func set(_ name: String, _ shape: [Int], _ values: [Float]) {
        set(Tensor(name: name, shape: shape, type: 0, bytes: values.withUnsafeBytes { Array($0) }))
    }

    mutating func set(_ tensor: Tensor) {
        tensors.removeAll { $0.name == tensor.name }
        tensors.append(tensor)
    }

    mutating func set(_ key: String, _ value: Value?) {
        keys.removeAll { $0.key == key }
        if let value { keys.append((key, value)) }
    }

    func values(_ name: String) -> [Float] {
        tensors.first { $0.name == name }?.bytes.withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        } ?? []
    }

    func write(to folder: String, as name: String = "adapter.gguf") throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    }

    /// Where the elements begin.
    var headerBytes: Int { (header.count + 31) / 32 * 32 }

    var bytes: [UInt8] {
        var bytes = Self.padded(header)
        for tensor in tensors { bytes += Self.padded(tensor.bytes) }
        return bytes
    }

    private var header: [UInt8] {
        var bytes = Array("GGUF".utf8)
        func put<Number: FixedWidthInteger>(_ value: Number) { withUnsafeBytes(of: value.littleEndian) { bytes += $0 } }
        func put(_ text: String) {
            put(UInt64(text.utf8.count))
            bytes += Array(text.utf8)
        }
        put(UInt32(3))
        put(UInt64(tensors.count))
        put(UInt64(keys.count))
        for (key, value) in keys {
            put(key)
            switch value {
            case .text(let text):
                put(UInt32(8))
                put(text)
            case .float(let number):
                put(UInt32(6))
                put(number.bitPattern)
            case .unsigned(let number):
                put(UInt32(4))
                put(number)
            case .unsignedArray(let numbers):
                put(UInt32(9))
                put(UInt32(4))
                put(UInt64(numbers.count))
                for number in numbers { put(number) }
            }
        }
        var offset = 0
        for tensor in tensors {
            put(tensor.name)
            put(UInt32(tensor.shape.count))
            for size in tensor.shape.reversed() { put(UInt64(size)) }
            put(tensor.type)
            put(UInt64(offset))
            offset += (tensor.bytes.count + 31) / 32 * 32
        }
        return bytes
    }

    private static func padded(_ bytes: [UInt8]) -> [UInt8] {
        bytes + [UInt8](repeating: 0, count: (32 - bytes.count % 32) % 32)
    }
}
