internal import MergeMethods
internal import Models
internal import Tensors

/// A baked model, read again and compared with what it should hold: the base with the adapter, in f32.
public struct BakeCheck: Sendable, Equatable {
    /// The largest difference of an element of a changed tensor.
    public private(set) var largest: Float = 0
    /// Where it is.
    public private(set) var tensor = ""
    /// Frobenius norm of all that the adapter changes.
    public private(set) var change = 0.0
    /// Frobenius norm of what rounding made of it: how far the changed tensors are from what they should be.
    public private(set) var rounding = 0.0

    /// Errors: `changed`, `malformed` when a tensor is missing.
    init(_ written: ModelFiles, _ adapted: AdaptedTensors) throws(MergeError) {
        var (changes, roundings) = (0.0, 0.0)
        for entry in adapted.entries where entry.isChanged {
            guard let view = written.storedTensors[entry.name], view.shape == entry.shape else {
                throw MergeError(.malformed, "the written model lacks it", file: written.path, tensor: entry.name)
            }
            let reader = try adapted.reader(of: entry.name)
            let step = BaseWeights.sliceRows(view.columns)
            let (expected, found, base) = (
                FloatBuffer(count: step * view.columns), FloatBuffer(count: step * view.columns), FloatBuffer(count: step * view.columns)
            )
            let original = adapted.files.storedTensors[entry.name]
            for first in stride(from: 0, to: view.rows, by: step) {
                let rows = first..<min(first + step, view.rows)
                try reader.read(rows, into: expected.pointer)
                view.dequantizeRows(rows, into: found.pointer)
                original?.dequantizeRows(rows, into: base.pointer)
                for index in 0..<rows.count * view.columns {
                    let difference = abs(found.pointer[index] - expected.pointer[index])
                    roundings += Double(difference) * Double(difference)
                    let change = Double(expected.pointer[index] - base.pointer[index])
                    changes += change * change
                    if difference > largest { (largest, tensor) = (difference, entry.name) }
                }
            }
        }
        (change, rounding) = (changes.squareRoot(), roundings.squareRoot())
    }
}
