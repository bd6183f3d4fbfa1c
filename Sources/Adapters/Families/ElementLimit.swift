internal import Tensors

/// Magnitudes at and above which an element is refused, as the bits of an f32 without its sign.
enum ElementLimit {
    static let infinity: UInt32 = 0x7F80_0000
    /// The least magnitude that rounds to infinity in bf16.
    static let firstBeyondBF16: UInt32 = 0x7F7F_8000

    /// Throws `nonFinite` with the first element whose magnitude is `limit` or more.
    static func check(_ view: TensorView, _ limit: UInt32 = infinity) throws(AdapterError) {
        guard let index = view.firstIndex(beyond: limit) else { return }
        let value = view.floats()[index]
        throw AdapterError(
            .nonFinite, "element \(index) is \(value), expected a finite number\(value.isFinite ? " that bf16 holds" : "")",
            file: AdapterFile.weights, tensor: view.name)
    }
}
