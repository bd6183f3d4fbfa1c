internal import CKernels

extension Kernels {
    /// How keys and values are stored.
    public enum KeyValueElement: Sendable {
        case f16, f32
        /// In pairs, which one instruction multiplies; queries and exponentials are rounded to bf16, too.
        case bf16
        /// With a f32 scale for each position and head.
        case int8

        var code: ck_kv_element {
            switch self {
            case .f16: CK_KV_F16
            case .f32: CK_KV_F32
            case .bf16: CK_KV_BF16
            case .int8: CK_KV_INT8
            }
        }
    }

    /// Positions in a block of keys and values.
    public static let blockPositions = Int(CK_BLOCK_POSITIONS)

    /// Bytes of one layer's block: keys `[kvHeads, headDimension, 16]`, values `[kvHeads, 16, headDimension]`, and for int8 the f32
    /// scales of the keys and of the values, `[kvHeads, 16]` each. Of bf16 the keys are `[kvHeads, (headDimension + 1) / 2, 16, 2]`, the
    /// values `[kvHeads, 8, headDimension, 2]`.
    public static func blockBytes(keyValueHeads: Int, headDimension: Int, element: KeyValueElement) -> Int {
        ck_kv_block_bytes(element.code, keyValueHeads, headDimension)
    }

    /// Puts some heads of a position's keys, `[kvHeads * headDimension]`, into slot 0…15 of a layer's block.
    public static func storeKeys(
        _ keys: UnsafePointer<Float>, keyValueHeads: Int, headDimension: Int, headRange: Range<Int>, slot: Int,
        block: UnsafeMutableRawPointer, element: KeyValueElement
    ) {
        table.pointee.attention.store_keys(
            keys, keyValueHeads, headDimension, headRange.lowerBound, headRange.upperBound, slot, block, element.code)
    }

    /// The same of values.
    public static func storeValues(
        _ values: UnsafePointer<Float>, keyValueHeads: Int, headDimension: Int, headRange: Range<Int>, slot: Int,
        block: UnsafeMutableRawPointer, element: KeyValueElement
    ) {
        table.pointee.attention.store_values(
            values, keyValueHeads, headDimension, headRange.lowerBound, headRange.upperBound, slot, block, element.code)
    }

    /// Floats of scratch for one call of `attention` whose last row is at `positions - 1`. One scratch a thread.
    public static func attentionScratch(positions: Int, headDimension: Int) -> Int { ck_attention_scratch(positions, headDimension) }

    /// Causal attention of `rows` consecutive rows of one sequence over its own keys and values, for the heads of one thread.
    ///
    /// Row r is at `position + r` and sees the positions up to its own, at most the last `slidingWindow` of them. A row's output has
    /// the same bits with any other rows, heads and cuts of the prompt, so a thread may also take a part of the rows (with `position`
    /// moved on).
    /// - Parameters:
    ///   - queries: `[rows, heads * headDimension]`, `queryStride` floats from row to row
    ///   - heads: of these, a multiple of `keyValueHeads`; head h reads KV head `h / (heads / keyValueHeads)`
    ///   - headRange: the heads to compute
    ///   - sinks: `[heads]`, a score of each head that joins its sum of exponentials, with no value; nil: none
    ///   - softCap: scores s become `softCap * tanh(s / softCap)`; 0: they do not
    ///   - layer: block b lies at `layer + b * blockBytes`, a multiple of 4
    ///   - blockTable: position p lies in block `blockTable[p / 16]`, slot `p % 16`
    ///   - next: a hint: the table of the sequence that is read next, and its number of positions
    ///   - scratch: `attentionScratch(positions: position + rows, headDimension: headDimension)` floats
    ///   - output: `[rows, heads * headDimension]`, `outputStride` floats from row to row
    public static func attention(
        queries: UnsafePointer<Float>, queryStride: Int, rows: Int, position: Int, heads: Int, headRange: Range<Int>,
        keyValueHeads: Int, headDimension: Int, scale: Float, sinks: UnsafePointer<Float>? = nil, softCap: Float = 0, layer: UnsafeRawPointer, element: KeyValueElement,
        blockBytes: Int, blockTable: UnsafePointer<Int32>, next: (table: UnsafePointer<Int32>, positions: Int)? = nil,
        slidingWindow: Int? = nil, scratch: UnsafeMutablePointer<Float>, into output: UnsafeMutablePointer<Float>, outputStride: Int
    ) {
        var arguments = ck_attention(
            queries: queries, query_stride: queryStride, rows: rows, position: position, heads: heads, kv_heads: keyValueHeads,
            head_dimension: headDimension, head_begin: headRange.lowerBound, head_end: headRange.upperBound, scale: scale, sinks: sinks, soft_cap: softCap,
            window: slidingWindow ?? 0, element: element.code, blocks: layer, block_bytes: blockBytes, table: blockTable,
            next_table: next?.table, next_positions: next?.positions ?? 0,
            scratch: scratch, output: output, output_stride: outputStride)
        table.pointee.attention.causal(&arguments)
    }

    /// `x[i] = cap * tanh(x[i] / cap)` for a positive cap.
    public static func softCap(_ x: UnsafeMutablePointer<Float>, cap: Float, count: Int) { table.pointee.attention.soft_cap(x, cap, count) }

    /// Floats of scratch for one call of `bidirectionalAttention`. One scratch a thread.
    public static func bidirectionalAttentionScratch(tokens: Int, headDimension: Int) -> Int {
        ck_bidirectional_attention_scratch(tokens, headDimension)
    }

    /// Attention of tokens that all see each other, for the heads of one thread.
    ///
    /// Queries, keys, values are `[tokens, heads * headDimension]`, `stride` floats from token to token; the output has
    /// `outputStride`. `scratch` is `bidirectionalAttentionScratch` floats.
    public static func bidirectionalAttention(
        queries: UnsafePointer<Float>, keys: UnsafePointer<Float>, values: UnsafePointer<Float>, stride: Int, tokens: Int,
        headRange: Range<Int>, headDimension: Int, scale: Float, scratch: UnsafeMutablePointer<Float>,
        into output: UnsafeMutablePointer<Float>, outputStride: Int
    ) {
        var arguments = ck_bidirectional_attention(
            queries: queries, keys: keys, values: values, stride: stride, tokens: tokens, head_dimension: headDimension,
            head_begin: headRange.lowerBound, head_end: headRange.upperBound, scale: scale, scratch: scratch, output: output,
            output_stride: outputStride)
        table.pointee.attention.bidirectional(&arguments)
    }
}
