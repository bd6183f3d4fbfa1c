internal import Tensors

/// The element type of keys and values on the fast path. A row's bits depend on it, as they do on the weights' format.
public enum KeyValueFormat: String, Sendable, CaseIterable {
    /// 11 bits of precision.
    case f16
    /// 8 bits of precision in as much memory as f16. An instruction of newer CPUs multiplies pairs of them, which saves more time the
    /// longer a context is. Queries and the weights of values are rounded to bf16, too.
    case bf16
    /// 8 bits, with a f32 scale for each position and head: a little more than half of the memory, and so of the memory traffic of long
    /// contexts.
    case int8

    /// bf16 where this machine's kernels have the instruction, else f16: of the two, which are as good, the quicker one.
    public static var fastest: Self { Kernels.multipliesBfloats ? .bf16 : .f16 }
}
