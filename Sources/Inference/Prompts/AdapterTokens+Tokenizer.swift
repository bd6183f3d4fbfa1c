import Adapters
import Tokenizers

extension AdapterTokens {
    /// The base's tokenizer, with the tokens of an enlarged vocabulary where the adapter has one. Cost: `O(added tokens)`.
    func tokenizer(_ base: any Tokenizer, vocabulary: Int) -> any Tokenizer {
        guard addedCount > 0 else { return base }
        let tokens = added.map {
            ExtendedTokenizer.Token(
                id: $0.id, content: $0.content, isSpecial: $0.isSpecial, isSingleWord: $0.isSingleWord, stripsLeft: $0.stripsLeft,
                stripsRight: $0.stripsRight)
        }
        return ExtendedTokenizer(base, tokens, vocabularySize: vocabulary + addedCount)
    }
}

extension BaseModel {
    /// The tokenizer of prompts and answers under an adapter.
    func tokenizer(under adapter: PinnedAdapter?) -> any Tokenizer {
        adapter?.prompting.tokens.tokenizer(tokenizer, vocabulary: decoder.configuration.vocabulary) ?? tokenizer
    }
}
