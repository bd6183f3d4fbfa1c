/// One linear map of the decoder: a projection of a layer. Places are ordered as a step meets them: layer after layer, and in a
/// layer as the cases of `Projection`.
public struct LinearPlace: Hashable, Sendable {
    /// In a table of all linear maps.
    let index: Int

    public init(_ layer: Int, _ projection: Projection) { index = layer * Projection.count + projection.rawValue }

    fileprivate init(index: Int) { self.index = index }

    public var layer: Int { index / Projection.count }
    public var projection: Projection { Projection.allCases[index % Projection.count] }

    /// Every linear map of a decoder.
    static func all(layers: Int) -> Range<LinearPlace> {
        LinearPlace(index: 0)..<LinearPlace(index: layers * Projection.count)
    }
}

extension LinearPlace: Strideable {
    public func advanced(by maps: Int) -> LinearPlace { LinearPlace(index: index + maps) }
    public func distance(to other: LinearPlace) -> Int { other.index - index }
}

/// A value for each linear map of a decoder.
struct LinearTable<Value> {
    private(set) var values: [Value]

    init(layers: Int, _ value: (LinearPlace) -> Value) { values = LinearPlace.all(layers: layers).map(value) }

    init(layers: Int, repeating value: Value) { values = Array(repeating: value, count: layers * Projection.count) }

    subscript(place: LinearPlace) -> Value {
        get { values[place.index] }
        set { values[place.index] = newValue }
    }

    /// Of one projection, layer after layer.
    func of(_ projection: Projection) -> some Sequence<Value> {
        stride(from: projection.rawValue, to: values.count, by: Projection.count).lazy.map { values[$0] }
    }
}

extension LinearTable: Sendable where Value: Sendable {}

/// A table as inner loops read it: borrowed memory with an entry for each linear map.
struct LinearEntries<Entry>: Equatable {
    private let start: UnsafePointer<Entry>

    init(_ start: UnsafePointer<Entry>) { self.start = start }

    subscript(place: LinearPlace) -> UnsafePointer<Entry> { start + place.index }

    /// The seven entries of one layer, at `Projection.rawValue`.
    func layer(_ layer: Int) -> UnsafePointer<Entry> { start + layer * Projection.count }
}
