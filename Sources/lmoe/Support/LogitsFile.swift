import Adapters
import Inference
import Models
import Tensors
import Weights

/// Logits of a prompt as one f32 tensor `logits` `[tokens, vocabulary]` in a safetensors file, with the ids as `tokens`.
enum LogitsFile {
    static func write(_ path: String, of tokens: [Int32], base: BaseModel, adapter: PinnedAdapter?) throws {
        let vocabulary = base.decoder.configuration.vocabulary
        let blocks = (tokens.count + KeyValueCache.blockTokens - 1) / KeyValueCache.blockTokens
        let cache = try base.decoder.makeCache(blocks: blocks)
        let stride = base.decoder.logitsStride
        let logits = FloatBuffer(count: tokens.count * stride)
        let runs = StepBatch.runs(
            0..<tokens.count, at: 0, blocks: (0..<Int32(blocks)).map { $0 }, delta: adapter?.delta, from: adapter?.delta.start(in: tokens),
            logits: .all, isShort: base.decoder.configuration.rope.isShort(tokens.count))
        try base.makeWorkspace().step(StepBatch(tokens: tokens, runs: runs), cache: cache, logits: logits.pointer, stride: stride)
        // An adapter's own tokens are left out.
        for row in 0..<tokens.count { (logits.pointer + row * vocabulary).update(from: logits.pointer + row * stride, count: vocabulary) }
        let bytes = UnsafeRawBufferPointer(start: logits.pointer, count: tokens.count * vocabulary * MemoryLayout<Float>.stride)
        let values = TensorView(name: "logits", dtype: .f32, shape: [tokens.count, vocabulary], copying: bytes)
        let ids = tokens.withUnsafeBytes { TensorView(name: "tokens", dtype: .i32, shape: [tokens.count], copying: $0) }
        withExtendedLifetime(logits) {}
        guard let values, let ids else { throw Failure(message: "the logits have no shape") }
        try SafetensorsWriter.write([values, ids], metadata: ["model": base.name], to: path)
    }
}
