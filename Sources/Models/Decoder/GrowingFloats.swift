internal import Tensors

/// f32 memory that is reused from step to step and grows to the largest step.
///
/// Isolation: the owner grows it between steps; inside a step, threads write disjoint parts.
final class GrowingFloats {
    private(set) var floats = FloatBuffer(count: 0)

    var pointer: UnsafeMutablePointer<Float> { floats.pointer }

    /// For sizes that settings and data give; the content is lost when it grows. Errors: the system has no memory for it; it is then as it
    /// was.
    func grow(to count: Int, for purpose: String = "the working memory of a training step") throws(ResourceError) {
        if count > floats.count { floats = try FloatBuffer(count, for: purpose) }
    }

    /// For sizes that the program bounds: the process ends when the system has no memory. The content is lost when it grows.
    func reserve(_ count: Int) {
        if count > floats.count { floats = FloatBuffer(count: max(count, 2 * floats.count)) }
    }
}
