package import Models

/// Reads a folder strictly: the first problem is an error, and what is left is an adapter that does what it says.
package struct AdapterLoader: Sendable {
    let base: BaseModules
    let element: LowRank.Element
    let limits: AdapterLimits
    let registry: AdapterRegistry
    /// Nil: templates and tokens are taken as they are.
    var check: PromptingCheck?

    /// Loads a folder as serving does, so that a writer can check it first. Errors: why serving would refuse it.
    package static func check(folder: String, base: DecoderConfiguration, weights: BaseWeights?) throws(AdapterError) {
        let loader = AdapterLoader(base: BaseModules(base, weights: weights), element: .f32, limits: AdapterLimits(), registry: .standard)
        _ = try loader.load(try AdapterDirectory(path: folder))
    }

    /// An adapter whole, its elements in f32, for what makes other files of it.
    package struct Whole: Sendable {
        package var delta: AdapterDelta
        package var summary: AdapterSummary
        /// It looks up what a request's text asks for: `delta` is not the whole effect.
        package var isRetrieved: Bool
        /// It has chat templates or special tokens of its own.
        package var hasPrompting: Bool
    }

    /// Loads a folder as serving does, or a lone LoRA file of llama.cpp. Errors: why serving would refuse it; they name the folder.
    package static func whole(folder: String, base: DecoderConfiguration, weights: BaseWeights?) throws(AdapterError) -> Whole {
        let loader = AdapterLoader(base: BaseModules(base, weights: weights), element: .f32, limits: AdapterLimits(), registry: .standard)
        do throws(AdapterError) {
            let lone = AdapterFile.lone(folder).flatMap { AdapterFile.isGGUF($0.name) ? $0 : nil }
            let loaded = try loader.load(try AdapterDirectory(path: lone?.folder ?? folder, followsSnapshots: true), file: lone?.name)
            return Whole(
                delta: loaded.delta, summary: loaded.summary, isRetrieved: loaded.retrieval != nil,
                hasPrompting: loaded.prompting != AdapterPrompting())
        } catch {
            throw error.of(folder)
        }
    }

    /// What headers tell: whether the adapter would load, unless its elements are bad.
    struct Probe: Sendable {
        var summary: AdapterSummary
        /// In memory, when it is loaded.
        var byteCount: Int
        var hasChatTemplate: Bool
        var fingerprint: FolderFingerprint
    }

    /// Cost: `O(header bytes)`.
    func probe(_ directory: AdapterDirectory) throws(AdapterError) -> Probe {
        let content = try AdapterContent.read(directory, depth: .headers, for: base, limits: limits)
        let plan = try plan(content)
        return Probe(
            summary: try summary(plan, content), byteCount: plan.byteCount(element: element),
            hasChatTemplate: content.prompting.templates != nil, fingerprint: content.fingerprint)
    }

    /// `knownVersion` spares the hash when the fingerprint is the one that it was computed for. Cost: `O(bytes)`, on several
    /// threads.
    ///
    /// - Parameters:
    ///   - element: instead of the loader's own.
    ///   - file: as in `AdapterContent.read`.
    func load(
        _ directory: AdapterDirectory, knownVersion: (fingerprint: FolderFingerprint, version: String)? = nil,
        element: LowRank.Element? = nil, file: String? = nil
    ) throws(AdapterError) -> LoadedAdapter {
        let content = try AdapterContent.read(directory, depth: .headers, for: base, limits: limits, file: file)
        let plan = try plan(content)
        let summary = try summary(plan, content)
        let known = knownVersion?.fingerprint == content.fingerprint ? knownVersion?.version : nil
        let elements = content.elements(isHashed: known == nil)
        var problems = AdapterProblems()
        let delta = try readingBase { plan.delta(element: element ?? self.element, elements: elements, problems: &problems) }
        let retrieval = plan.retrieval(elements, problems: &problems)
        base.weights?.giveBack()
        problems.retell(content.inOwnWords)
        try problems.throwFirst()
        let version: String? = if let known { known } else { try content.version(elements) }
        guard let delta, let version else {
            throw AdapterError(.noEffect, "the adapter would change nothing", file: AdapterFile.weights)
        }
        try content.checkUnchanged(directory)
        return LoadedAdapter(
            version: version, delta: delta, retrieval: retrieval, prompting: content.prompting, summary: summary,
            fingerprint: content.fingerprint)
    }

    /// Runs a body that may read the base's weights. Errors: `unavailable` when it did, and the base's file became shorter.
    private func readingBase<Value>(_ body: () -> Value) throws(AdapterError) -> Value {
        guard let weights = base.weights else { return body() }
        do throws(ModelError) {
            return try weights.reading(body)
        } catch {
            throw AdapterError(.unavailable, "the base's weights, which this adapter needs, cannot be read: \(error.description)")
        }
    }

    /// With what is to be known of templates and tokens. Errors: those of `check`.
    private func summary(_ plan: any AdapterPlan, _ content: AdapterContent) throws(AdapterError) -> AdapterSummary {
        var summary = plan.summary
        if let lost = GGUFAdapter.lostNotice(content.format, summary) { summary.notices.append(lost) }
        if let check, content.prompting != AdapterPrompting() { summary.notices += try check(content.prompting) }
        return summary
    }

    private func plan(_ content: AdapterContent) throws(AdapterError) -> any AdapterPlan {
        var problems = AdapterProblems(content.problems)
        try problems.throwFirst()
        let family = try registry.family(for: content.manifest)
        let plan = family.plan(content, for: base, limits: limits, problems: &problems)
        problems.retell(content.inOwnWords)
        try problems.throwFirst()
        guard let plan else {
            throw AdapterError(.malformed, "the configuration cannot be read", file: AdapterFile.configuration)
        }
        return plan
    }
}

/// An adapter in memory, apart from its files.
final class LoadedAdapter: Sendable {
    let version: String
    let delta: AdapterDelta
    let retrieval: (any DeltaRetrieval)?
    let prompting: AdapterPrompting
    let summary: AdapterSummary
    let fingerprint: FolderFingerprint

    init(
        version: String, delta: AdapterDelta, retrieval: (any DeltaRetrieval)? = nil, prompting: AdapterPrompting,
        summary: AdapterSummary, fingerprint: FolderFingerprint
    ) {
        self.version = version
        self.delta = delta
        self.retrieval = retrieval
        self.prompting = prompting
        self.summary = summary
        self.fingerprint = fingerprint
    }

    /// Bytes in memory.
    var byteCount: Int { delta.byteCount + (retrieval?.byteCount ?? 0) }
}
