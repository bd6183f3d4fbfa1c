import Inference
import Telemetry

extension ServiceMetrics {
    /// What the engine of this process counts, read when somebody asks.
    func observe(_ engine: Engine) {
        let gauges: [(Gauge, @Sendable (EngineStatistics) -> Double)] = [
            (gauge("queued_requests", "Accepted and not yet part of a step."), { Double($0.queuedRequests) }),
            (gauge("active_sequences", "Sequences that take part in steps."), { Double($0.activeSequences) }),
            (gauge("finished_requests", "Since the start."), { Double($0.finishedRequests) }),
            (gauge("failed_requests", "Since the start."), { Double($0.failedRequests) }),
            (gauge("cancelled_requests", "Since the start."), { Double($0.cancelledRequests) }),
            (gauge("prompt_tokens", "Since the start."), { Double($0.promptTokens) }),
            (gauge("cached_tokens", "Prompt tokens from the prefix cache, since the start."), { Double($0.cachedTokens) }),
            (gauge("generated_tokens", "Since the start."), { Double($0.generatedTokens) }),
            (gauge("steps", "Since the start."), { Double($0.steps) }),
            (gauge("step_rows", "Rows of all steps since the start."), { Double($0.stepRows) }),
            (gauge("step_seconds", "Time of all steps since the start."), { $0.stepMilliseconds / 1000 }),
            (gauge("choice_seconds", "Time to choose tokens, beside the steps."), { $0.samplingMilliseconds / 1000 }),
            (gauge("proposed_tokens", "Tokens that lookups foretold and steps verified."), { Double($0.proposedTokens) }),
            (gauge("accepted_tokens", "Of the proposed tokens, those that were right."), { Double($0.acceptedTokens) }),
            (gauge("preemptions", "Sequences that gave way and were computed again."), { Double($0.preemptions) }),
            (gauge("kv_blocks", "Blocks of keys and values."), { Double($0.keyValueBlocks) }),
            (gauge("kv_blocks_in_use", "Blocks that running sequences hold."), { Double($0.keyValueBlocksInUse) }),
        ]
        registry.addCollector {
            let statistics = engine.statistics
            for (gauge, value) in gauges { gauge.set(value(statistics)) }
        }
    }

    private func gauge(_ name: String, _ help: String) -> Gauge { registry.gauge("lmoe_engine_\(name)", help: help) }
}
