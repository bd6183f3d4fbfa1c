internal import Tensors

/// f32 memory that is reused from step to step and grows to the largest one.
///
/// Isolation: grown between steps; inside one, threads agree on who writes what.
final class GrowingFloats {
    private var buffer = FloatBuffer(count: 0)

    var pointer: UnsafeMutablePointer<Float> { buffer.pointer }

    /// What was in it is lost when it grows.
    func reserve(_ count: Int) {
        if count > buffer.count { buffer = FloatBuffer(count: max(count, 2 * buffer.count)) }
    }
}
