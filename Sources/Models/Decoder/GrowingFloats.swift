internal import Tensors

/// f32 memory that is reused from step to step and grows to the largest step.
///
/// Isolation: the owner grows it between steps; inside a step, threads write disjoint parts.
final class GrowingFloats {
    private var buffer = FloatBuffer(count: 0)

    var pointer: UnsafeMutablePointer<Float> { buffer.pointer }

    /// The content is lost when it grows.
    func reserve(_ count: Int) {
        if count > buffer.count { buffer = FloatBuffer(count: max(count, 2 * buffer.count)) }
    }
}
