internal import MergeMethods
internal import Tensors

/// A tensor whose elements are rounded to the recipe's `dtype` as they are read, as mergekit casts what it loads.
struct RoundedTensor: TensorReader {
    let tensor: any TensorReader
    let columns: Int

    func read(_ rows: Range<Int>, into target: UnsafeMutablePointer<Float>) throws(MergeError) {
        try tensor.read(rows, into: target)
        let bits = UnsafeMutableRawPointer(target).assumingMemoryBound(to: UInt32.self)
        // To nearest, of two the even one; readers give finite numbers only.
        for index in 0..<rows.count * columns {
            let value = bits[index]
            bits[index] = (value &+ 0x7FFF &+ (value >> 16 & 1)) & 0xFFFF_0000
        }
    }
}
