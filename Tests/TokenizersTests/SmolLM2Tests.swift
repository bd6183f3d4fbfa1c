#if canImport(Weights)
    import Testing
    import Tokenizers
    import Weights

    @Suite("SmolLM2's tokenizer out of the GGUF file")
    struct SmolLM2Tests {
        @Test("equals the reference on the stored cases, and knows its special tokens")
        func parity() throws {
            let metadata = try GGUFFile.open("\(StoredCase.root)/models/base.gguf").metadata
            let vocabulary = BytePairVocabulary(
                tokens: try metadata.strings("tokenizer.ggml.tokens"), types: try metadata.ints("tokenizer.ggml.token_type"),
                merges: try metadata.strings("tokenizer.ggml.merges"), preTokenizer: try metadata.string("tokenizer.ggml.pre"),
                beginOfSequence: 1, endOfSequence: 2)
            let tokenizer = try BytePairTokenizer(vocabulary: vocabulary)
            #expect(tokenizer.vocabularySize == 49152)
            #expect(tokenizer.endOfSequence == [0, 2] && tokenizer.beginOfSequence == 1)
            #expect(tokenizer.token("<|im_end|>") == 2 && tokenizer.piece(of: 27) == "+")
            for stored in try StoredCase.all("smollm2") {
                #expect(
                    tokenizer.encode(stored.text, addSpecialTokens: true, parseSpecial: true) == stored.ids,
                    "\(stored.text.debugDescription)")
                #expect(tokenizer.encode(stored.text, addSpecialTokens: false, parseSpecial: false) == stored.plain)
                #expect(same(tokenizer.decode(stored.ids, skipSpecialTokens: true), stored.decoded))
            }
        }
    }
#endif
