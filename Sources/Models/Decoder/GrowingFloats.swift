internal import Tensors

/// f32 memory that is reused from step to step and grows to the largest step.
///
/// Isolation: the owner grows it between steps; inside a step, threads write disjoint parts.
final class GrowingFloats {
    private(set) var floats = FloatBuffer(count: 0)

    var pointer: UnsafeMutablePointer<Float> { floats.pointer }

    /// The content is lost when it grows.
    func reserve(_ count: Int) {
        if count > floats.count { floats = FloatBuffer(count: max(count, 2 * floats.count)) }
    }
}
