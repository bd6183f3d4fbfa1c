/// The sizes that a change of embedding or head requires; nil: any.
struct VocabularyShape {
    var vocabulary: Int?
    var hidden: Int?
    /// The vocabulary has at least so many tokens.
    var leastVocabulary = 0

    /// A vocabulary may have some tokens beside the base's.
    func fits(_ configuration: DecoderConfiguration) -> Bool {
        let own = vocabulary ?? configuration.vocabulary
        return configuration.vocabulary...configuration.vocabulary + DecoderWeights.addedTokens ~= own
            && (hidden ?? configuration.hidden) == configuration.hidden && leastVocabulary <= own
    }

    /// The requirements of both; nil when they contradict each other.
    func joined(_ other: VocabularyShape) -> VocabularyShape? {
        guard (vocabulary ?? other.vocabulary) == (other.vocabulary ?? vocabulary), (hidden ?? other.hidden) == (other.hidden ?? hidden)
        else { return nil }
        return VocabularyShape(
            vocabulary: vocabulary ?? other.vocabulary, hidden: hidden ?? other.hidden,
            leastVocabulary: max(leastVocabulary, other.leastVocabulary))
    }

    /// Throws `wrongShape`, naming the module.
    func validate(_ module: String, for configuration: DecoderConfiguration) throws(ModelError) {
        if fits(configuration) { return }
        throw .wrongShape(
            module, found: [vocabulary ?? max(leastVocabulary, configuration.vocabulary), hidden ?? configuration.hidden],
            expected: [configuration.vocabulary, configuration.hidden])
    }
}

extension TokenRows {
    var shape: VocabularyShape { VocabularyShape(hidden: columns, leastVocabulary: Int(tokens.last ?? -1) + 1) }
}
