internal import Tensors

/// Keys and values of a sequence's first positions in the layers above one, as steps of `UpperLayers` read them. f32.
///
/// Isolation: that of the `UpperLayers` that fills it.
public final class LayerPrefix {
    /// Positions that it holds.
    public private(set) var positions = 0
    /// Positions that it has room for.
    public let capacity: Int
    let firstLayer: Int
    private let width: Int
    /// By layer from the first on, `[capacity, keyValueWidth]` each; keys are rotated.
    private let keys: [FloatBuffer]
    private let values: [FloatBuffer]

    /// Empty. Errors: `noMemory`.
    public init(above site: Int, capacity: Int, _ configuration: DecoderConfiguration) throws(ModelError) {
        precondition(capacity >= 0 && 0..<configuration.layers ~= site, "a prefix of \(capacity) positions above layer \(site)")
        (firstLayer, width, self.capacity) = (site + 1, configuration.keyValueWidth, capacity)
        let (count, layers) = (capacity * configuration.keyValueWidth, site + 1..<configuration.layers)
        do throws(ResourceError) {
            keys = try layers.map { _ throws(ResourceError) in try FloatBuffer(count, for: "keys of a prompt") }
            values = try layers.map { _ throws(ResourceError) in try FloatBuffer(count, for: "values of a prompt") }
        } catch {
            throw ModelError(error)
        }
    }

    /// Takes the positions of another prefix. This one is empty and has room for them.
    public func copy(_ other: LayerPrefix) {
        precondition(
            positions == 0 && other.positions <= capacity && other.firstLayer == firstLayer && other.width == width,
            "a prefix of \(other.positions) positions does not fit one of \(capacity)")
        positions = other.positions
        for (own, from) in zip(keys + values, other.keys + other.values) {
            own.pointer.update(from: from.pointer, count: positions * width)
        }
    }

    func keys(_ layer: Int) -> UnsafePointer<Float> { UnsafePointer(keys[layer - firstLayer].pointer) }
    func values(_ layer: Int) -> UnsafePointer<Float> { UnsafePointer(values[layer - firstLayer].pointer) }

    /// Writes a layer's keys and values of the next positions.
    func write(_ layer: Int, keys newKeys: UnsafePointer<Float>, values newValues: UnsafePointer<Float>, rows: Int) {
        let start = positions * width
        (keys[layer - firstLayer].pointer + start).update(from: newKeys, count: rows * width)
        (values[layer - firstLayer].pointer + start).update(from: newValues, count: rows * width)
    }

    /// After all layers were written.
    func advance(by rows: Int) { positions += rows }
}
