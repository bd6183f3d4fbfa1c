/// What all facts of a store were made for. A store of one base is of no use to another.
public struct StoreIdentity: Sendable, Equatable {
    /// Fingerprint of the base model.
    public var base: String
    /// Fingerprint of the encoder that made the keys.
    public var encoder: String
    /// The layer of the experts.
    public var site: Int
    /// Elements of the base's hidden state.
    public var hidden: Int
    /// Elements of a key.
    public var dimension: Int

    public init(base: String, encoder: String, site: Int, hidden: Int, dimension: Int) {
        self.base = base
        self.encoder = encoder
        self.site = site
        self.hidden = hidden
        self.dimension = dimension
    }

    /// Errors: `invalid` for numbers that no model has.
    func check(place: String) throws(MemoryError) {
        for (name, number, range) in [
            ("site", site, 0...StoreLimits.elements), ("hidden", hidden, 1...StoreLimits.elements),
            ("dimension", dimension, 1...StoreLimits.elements),
        ] where !range.contains(number) {
            throw MemoryError(.invalid, "\(name) is \(number), expected \(range.lowerBound) to \(range.upperBound)", place: place)
        }
    }

    /// Errors: `mismatched`, with the field and both values.
    func check(against expected: StoreIdentity, place: String) throws(MemoryError) {
        let fields = [
            ("base", base, expected.base), ("encoder", encoder, expected.encoder), ("site", "\(site)", "\(expected.site)"),
            ("hidden", "\(hidden)", "\(expected.hidden)"), ("dimension", "\(dimension)", "\(expected.dimension)"),
        ]
        guard let field = fields.first(where: { $0.1 != $0.2 }) else { return }
        throw MemoryError(.mismatched, "the store was made for another model: its \(field.0) is \(field.1), expected \(field.2)", place: place)
    }
}
