import Generation

/// What a request may ask of the engine, whatever its prompt: the bounds of `InferenceLimits`, and token ids of the vocabulary.
struct RequestCheck {
    let limits: InferenceLimits
    let vocabulary: Int

    func check(_ request: GenerationRequest) throws(GenerationError) {
        try checkTexts(request.stop, most: limits.stopStrings, "stop strings", field: "stop")
        try checkTexts(request.bannedWords, most: limits.bannedWords, "words", field: "bad_words")
        try checkTokens(request.sampling.logitBias.keys, field: "logit_bias")
        try checkTokens(request.stopTokens, field: "stop_token_ids")
        if let allowed = request.allowedTokens {
            guard !allowed.isEmpty else { throw GenerationError(.invalidRequest, "no token is allowed", field: "allowed_token_ids") }
            try checkTokens(allowed, field: "allowed_token_ids")
        }
        try checkAlternatives(request.topLogprobs, field: "logprobs")
        try checkAlternatives(request.promptLogprobs, field: "prompt_logprobs")
    }

    private func checkTexts(_ texts: [String], most: Int, _ kind: String, field: String) throws(GenerationError) {
        guard texts.count <= most, texts.allSatisfy({ $0.utf8.count <= limits.stopStringBytes }) else {
            throw GenerationError(
                .invalidRequest, "at most \(most) \(kind) of \(limits.stopStringBytes) bytes each are taken", field: field)
        }
    }

    private func checkTokens(_ tokens: some Sequence<Int32>, field: String) throws(GenerationError) {
        guard let wrong = tokens.filter({ $0 < 0 || Int($0) >= vocabulary }).min() else { return }
        throw GenerationError(
            .invalidRequest, "token id \(wrong) of \(field) is not in the vocabulary; ids go from 0 to \(vocabulary - 1)", field: field)
    }

    private func checkAlternatives(_ count: Int?, field: String) throws(GenerationError) {
        guard let count, !(0...limits.alternatives ~= count) else { return }
        throw GenerationError(
            .invalidRequest, "expected 0 to \(limits.alternatives) alternatives of each token, found \(count)", field: field)
    }
}

extension [Int32] {
    /// The prompt as the request wants it cut.
    func truncated(_ request: GenerationRequest, contextLength: Int) -> [Int32] {
        guard let truncation = request.truncation else { return self }
        // Without a limit of its own the answer has room for a token.
        let kept = truncation.tokens ?? Swift.max(contextLength - (request.maxTokens ?? 1), 1)
        guard count > kept else { return self }
        return Array(truncation.keepsEnd ? suffix(kept) : prefix(kept))
    }
}
