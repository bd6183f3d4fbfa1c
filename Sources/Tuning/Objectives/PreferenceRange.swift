/// The ranges of the settings that preference objectives share.
enum PreferenceRange {
    static let beta = NumberRange(.excluded(0), .included(100))
    static let labelSmoothing = NumberRange(.included(0), .excluded(0.5))
    static let weight = NumberRange(.included(0), .included(100))
    static let margin = NumberRange(.included(0), .included(100))
}
