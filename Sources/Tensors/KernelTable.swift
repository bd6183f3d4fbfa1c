internal import CKernels

/// The kernels of this machine: the fastest, or those that the environment's `LMOE_KERNELS` names (scalar, avx2, avx512,
/// avx512_bf16, neon, neon_i8mm) if the machine has them. A name that it cannot use is reported on stderr. `Kernels.implementation` is the choice.
///
/// `@unchecked Sendable`: the table is a constant of the program.
struct KernelTable: @unchecked Sendable {
    let pointer: UnsafePointer<ck_kernels>

    static let chosen: KernelTable = {
        guard let pointer = ck_kernels_chosen() else { preconditionFailure("no kernels were chosen, though the scalar ones are always there") }
        return KernelTable(pointer: pointer)
    }()
}

/// Kernels over floats: pointers, no allocation, any count; results are the same bits on every instruction set.
/// Outputs may be the input pointer, but must not overlap it otherwise. Isolation: any thread.
public enum Kernels {
    /// The instruction set in use: `avx512_bf16`, `avx512`, `avx2`, `neon_i8mm`, `neon` or `scalar`.
    public static var implementation: String { String(cString: table.pointee.name) }

    /// Whether one instruction multiplies pairs of bf16 here; elsewhere it takes several, with the same bits.
    public static var multipliesBfloats: Bool { implementation == "avx512_bf16" }

    static var table: UnsafePointer<ck_kernels> { KernelTable.chosen.pointer }
}
