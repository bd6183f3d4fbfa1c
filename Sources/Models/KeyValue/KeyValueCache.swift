internal import Glibc
internal import Tensors

/// Keys and values of past tokens, in blocks of 16 positions, which sequences can share.
///
/// `[blocks, layers]` of `K [keyValueHeads, headDimension, 16]` followed by `V [keyValueHeads, 16, headDimension]`, in f16, bf16
/// (in pairs) or int8 (with a f32 scale for each position and head) for the fast path and f32 for the reference. Addresses are
/// reserved at once; memory is used when blocks are first written, in large pages where the system has them.
///
/// Isolation: its owner's thread writes it, in `StepWorkspace.step` and `copyBlock`. `@unchecked Sendable`: it has no state but the
/// address. The owner decides which blocks a step may write (the engine's block pool).
public final class KeyValueCache: @unchecked Sendable {
    /// Positions in a block.
    public static let blockTokens = 16

    public let blocks: Int
    public let layers: Int
    /// Bytes of one block in all layers.
    public let blockBytes: Int
    /// Bytes of all blocks.
    public var byteCount: Int { blocks * blockBytes }
    let element: Kernels.KeyValueElement
    let keyValueHeads: Int
    let headDimension: Int
    /// Bytes of one block in one layer.
    private let layerBlockBytes: Int
    /// Starts on a large page.
    private let base: UnsafeMutableRawPointer
    private let mapping: UnsafeMutableRawPointer
    private let mappedBytes: Int

    /// Bytes from one block of all layers to the next. Where these are a power of two, the blocks of a layer share few sets of the caches and
    /// drive each other out: 33 lines between them make attention in f16 and bf16 10 to 25 % quicker, measured with heads of 64.
    static func blockBytes(_ configuration: DecoderConfiguration, _ element: Kernels.KeyValueElement) -> Int {
        configuration.layers * layerBlockBytes(configuration, element) + 33 * 64
    }

    /// Bytes of one block in one layer.
    static func layerBlockBytes(_ configuration: DecoderConfiguration, _ element: Kernels.KeyValueElement) -> Int {
        Kernels.blockBytes(keyValueHeads: configuration.keyValueHeads, headDimension: configuration.headDimension, element: element)
    }

    /// `blocks` may be zero. Throws when the system has no room for the addresses.
    init(blocks: Int, configuration: DecoderConfiguration, element: Kernels.KeyValueElement) throws(ResourceError) {
        precondition(blocks >= 0, "a cache of \(blocks) blocks was asked for")
        self.blocks = blocks
        self.element = element
        layers = configuration.layers
        keyValueHeads = configuration.keyValueHeads
        headDimension = configuration.headDimension
        blockBytes = Self.blockBytes(configuration, element)
        layerBlockBytes = Self.layerBlockBytes(configuration, element)
        mappedBytes = blocks * blockBytes + LargePages.byteCount
        mapping = try SystemMemory.map(mappedBytes, for: "key-value cache", isReserved: false)
        base = mapping.alignedUp(toMultipleOf: LargePages.byteCount)
        LargePages.advise(base, byteCount: blocks * blockBytes)
    }

    deinit { SystemMemory.unmap(mapping, byteCount: mappedBytes) }

    /// The cache as plain values, which loops read without counting references. The cache must outlive it.
    struct View {
        let element: Kernels.KeyValueElement
        let blockBytes: Int
        fileprivate let keyValueHeads: Int
        fileprivate let headDimension: Int
        fileprivate let layerBlockBytes: Int
        fileprivate let base: UnsafeMutableRawPointer

        /// The first block of a layer; the layer's next block lies `blockBytes` on.
        func layerBase(_ layer: Int) -> UnsafeMutableRawPointer { base + layer * layerBlockBytes }

        /// Stores some heads of a position's keys, `[keyValueHeads * headDimension]`, in a slot of a layer's block.
        func storeKeys(_ keys: UnsafePointer<Float>, heads: Range<Int>, layer: Int, block: Int, slot: Int) {
            Kernels.storeKeys(
                keys, keyValueHeads: keyValueHeads, headDimension: headDimension, headRange: heads, slot: slot,
                block: layerBase(layer) + block * blockBytes, element: element)
        }

        /// The same for values.
        func storeValues(_ values: UnsafePointer<Float>, heads: Range<Int>, layer: Int, block: Int, slot: Int) {
            Kernels.storeValues(
                values, keyValueHeads: keyValueHeads, headDimension: headDimension, headRange: heads, slot: slot,
                block: layerBase(layer) + block * blockBytes, element: element)
        }
    }

    var view: View {
        View(
            element: element, blockBytes: blockBytes, keyValueHeads: keyValueHeads, headDimension: headDimension,
            layerBlockBytes: layerBlockBytes, base: base)
    }

    /// Whether its layers, heads and elements are those of a decoder and its path.
    func fits(_ configuration: DecoderConfiguration, _ precision: ModelPrecision) -> Bool {
        (element == .f32) == (precision == .reference) && layers == configuration.layers && keyValueHeads == configuration.keyValueHeads
            && headDimension == configuration.headDimension
    }

    /// Copies all layers of a block. A sequence that shares a block needs a copy before it writes into it.
    public func copyBlock(from source: Int32, to target: Int32) {
        precondition(0..<blocks ~= Int(source) && 0..<blocks ~= Int(target), "block \(source) or \(target) is outside a cache of \(blocks)")
        guard source != target else { return }
        memcpy(base + Int(target) * blockBytes, base + Int(source) * blockBytes, blockBytes)
    }
}
