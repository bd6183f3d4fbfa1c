import Generation
import Models

/// One step: plan, compute, sample, hand out.
extension EngineWorker {
    /// False when nothing could run.
    func step() -> Bool {
        let allocations = work.allocationCount
        plan()
        guard !work.sequences.isEmpty else { return false }
        var report = StepCounters.Report()
        report.rows = work.batch.tokens.count
        observer?(work.batch)
        let start = ContinuousClock.now
        workspace.step(work.batch, cache: cache, logits: work.logits.pointer, stride: base.decoder.logitsStride)
        let computed = ContinuousClock.now
        work.batch.runs.removeAll(keepingCapacity: true)
        guard !base.decoder.isDamaged else {
            // Zeros stood in place of weights: neither tokens nor stored keys and values are of any use.
            for sequence in work.sequences { fail(sequence, Self.damagedModel) }
            work.sequences.removeAll(keepingCapacity: true)
            return true
        }
        work.sampler.run()
        report.step = computed - start
        report.sampling = .now - computed
        report.stepAllocations = work.allocationCount - allocations
        noteCost(report)
        handOut(&report)
        // Sequences that ended are let go now, not at the next step.
        work.sequences.removeAll(keepingCapacity: true)
        report.blocksInUse = roster.blocks.pool.capacity - roster.blocks.availableCount
        report.deliveryAllocations = work.allocationCount - allocations - report.stepAllocations
        ledger.steps.add(report)
        return true
    }

    private static let damagedModel = GenerationError(
        .internalFailure, "the model's file became shorter while it was in use: put the whole file back and restart the server")

    private func noteCost(_ report: StepCounters.Report) {
        let milliseconds = report.step / .milliseconds(1)
        if work.readsPrompts {
            work.prefillCost.note(rows: report.rows, milliseconds: milliseconds)
        } else {
            work.decodeCost.note(rows: report.rows, milliseconds: milliseconds)
        }
    }

    // MARK: Hand out

    private func cacheFullBlocks(of sequence: RunningSequence) {
        roster.blocks.cacheFullBlocks(
            of: &sequence.table, tokens: sequence.tokens, computed: min(sequence.computed, sequence.effect.sharedTokens))
    }

    private func handOut(_ report: inout StepCounters.Report) {
        let now = ContinuousClock.now
        for sequence in work.sequences {
            guard sequence.wantsToken else {
                sequence.computed += sequence.planned
                sequence.noteScores()
                cacheFullBlocks(of: sequence)
                continue
            }
            guard sendScores(of: sequence) else { continue }
            if sequence.firstToken == nil { sequence.firstToken = now }
            sequence.noteLookup()
            report.proposed += sequence.draft.count
            report.accepted += sequence.sampled.count - 1
            // Row 0 computed what was pending; each row after it a draft token that is among the sequence's by then.
            sequence.computed += sequence.planned - 1
            let last = sequence.sampled.count - 1
            for (place, choice) in sequence.sampled.enumerated() {
                sequence.computed += 1
                cacheFullBlocks(of: sequence)
                if let failure = choice.failure {
                    fail(sequence, error(failure, of: sequence))
                    break
                }
                if let reason = take(choice, isLast: place == last, for: sequence) {
                    finish(sequence, reason)
                    break
                }
            }
        }
    }

    /// Sends the log-probabilities of a prompt that is computed, where they are asked for. False: the sequence has failed.
    private func sendScores(of sequence: RunningSequence) -> Bool {
        guard let scores = sequence.takeScores() else { return true }
        guard !scores.isDamaged else {
            fail(sequence, error(.logitsNotFinite, of: sequence))
            return false
        }
        sendPrompt(of: sequence) { scores.logprobs($0, sequence.tokenizer) }
        return true
    }

    /// Sends the prompt's tokens, once.
    func sendPrompt(of sequence: RunningSequence, _ logprobs: ([Int32]) -> [TokenLogprob?] = { _ in [] }) {
        let tokens = Array(sequence.tokens[..<sequence.promptCount])
        sequence.stream.send(
            .prompt(PromptReport(tokens: tokens, bytes: tokens.map(sequence.tokenizer.bytes), logprobs: logprobs(tokens))))
    }

    /// Why the sequence ends with this token; nil when it goes on.
    ///
    /// - Parameter isLast: of the step's: the state of the constraint is the one behind it.
    private func take(_ choice: SampledToken, isLast: Bool, for sequence: RunningSequence) -> FinishReason? {
        guard sequence.tokens.count < sequence.tokenLimit else { return .length }
        sequence.append(choice.token)
        if sequence.ends.contains(choice.token) {
            sequence.emitter.end(with: choice)
            return sequence.isClosed ? .length : .stop
        }
        if let event = sequence.emitter.append(choice) {
            sequence.deliver(event)
        }
        // What is cut off within its form is not the answer that was asked for.
        if sequence.emitter.isStopped { return sequence.mayEnd ? .stop : .length }
        if sequence.isAnswered { return .stop }
        if isLast, sequence.isComplete { return sequence.isClosed ? .length : .stop }
        return sequence.tokens.count >= sequence.tokenLimit ? .length : nil
    }

    private func error(_ failure: SampledToken.Failure, of sequence: RunningSequence) -> GenerationError {
        switch failure {
        case .nothingAllowed where sequence.hasRules:
            return GenerationError(
                .invalidRequest,
                "after \(sequence.completionCount) tokens the allowed tokens, the banned words and the form of the answer leave no token")
        case .nothingAllowed:
            return GenerationError(
                .internalFailure, "after \(sequence.completionCount) tokens the constraint of the answer allows no token at all")
        case .logitsNotFinite, .logitsZero:
            let kind = failure == .logitsZero ? "all 0" : "not finite numbers"
            let found = "gives logits that are \(kind) after \(sequence.tokens.count) tokens"
            guard let adapter = sequence.adapter else { return GenerationError(.internalFailure, "the base model \(found)") }
            return GenerationError(
                .adapterRejected, "adapter \(adapter.name) \(found): its weights are too large or damaged")
        }
    }
}
