import Adapters
import Tokenizers

extension AdapterTokens {
    /// Tokens that end an answer: the base's, and the adapter's own as far as the base's vocabulary has them.
    func ends(_ tokenizer: any Tokenizer) -> Set<Int32> {
        var ends = tokenizer.endOfSequence
        if let token = endOfSequence.flatMap(tokenizer.token) { ends.insert(token) }
        for id in endIDs where id < tokenizer.vocabularySize { ends.insert(Int32(id)) }
        return ends
    }
}
