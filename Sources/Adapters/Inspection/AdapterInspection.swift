public import Models
internal import Tensors
internal import Weights

/// Everything about one folder, for `lmoe adapters check`: all problems instead of the first, and the size of the effect.
public struct AdapterInspection: Sendable {
    /// Tensors of the file, whether they are used or not.
    public struct Tensor: Sendable, Equatable {
        public var name: String
        public var dtype: String
        public var shape: [Int]
    }

    public var folder: String
    /// Nil when not even the configuration could be read, or when the family is unknown.
    public var summary: AdapterSummary?
    public var tensors: [Tensor] = []
    /// Nil when the folder could not be read.
    public var format: AdapterFormat?
    /// Of the file of weights.
    public var fileBytes = 0
    /// In memory, when it is resident.
    public var residentBytes = 0
    public var version: String?
    public var hasChatTemplate = false
    /// Its own special tokens.
    public var tokens = AdapterTokens()
    /// Of each target, in the order of the model; empty when there are problems.
    public var effects: [AdapterEffect] = []
    /// In f32, to compare it with others; nil when there are problems.
    public private(set) var delta: AdapterDelta?
    /// It looks up what a request's text asks for: `delta` is not the whole effect.
    public private(set) var dependsOnRequest = false
    /// As it would be resident, for a decoder.
    public private(set) var residentDelta: AdapterDelta?
    /// At most `AdapterProblems.limit`; `problemCount` counts all.
    public var problems: [AdapterError] = []
    public var problemCount = 0

    /// It would load, and change what the base answers.
    public var takesEffect: Bool { problemCount == 0 && effects.contains { $0.norm > 0 } }
    /// Targets that change nothing although others do.
    public var idleTargets: [String] { effects.filter { $0.norm == 0 }.map(\.module) }

    /// Reads the folder whole and checks it against the base, of whose `weights` some families need the values; with them effects are
    /// measured against the base's matrices. Never throws: what is wrong is in `problems`. Cost: `O(parameters * rank)`, and a read
    /// of the matrices that are changed.
    /// - Parameter element: in which the adapter would be resident.
    public static func inspect(
        folder: String, base: DecoderConfiguration, weights: BaseWeights? = nil, element: LowRank.Element = .f32,
        limits: AdapterLimits = .init(), registry: AdapterRegistry = .standard, check: PromptingCheck? = nil
    ) -> AdapterInspection {
        var inspection = AdapterInspection(folder: folder)
        var problems = AdapterProblems()
        inspection.read(BaseModules(base, weights: weights), element, limits, registry, check, &problems)
        weights?.giveBack()
        inspection.problems = problems.errors
        inspection.problemCount = problems.count
        return inspection
    }

    private mutating func read(
        _ base: BaseModules, _ element: LowRank.Element, _ limits: AdapterLimits, _ registry: AdapterRegistry,
        _ check: PromptingCheck?, _ problems: inout AdapterProblems
    ) {
        let path = folder
        let content = problems.noting { () throws(AdapterError) in
            try AdapterContent.read(try AdapterDirectory(path: path, followsSnapshots: true), depth: .everything, for: base, limits: limits)
        }
        guard let content else { return }
        defer { problems.retell(content.inOwnWords) }
        for error in content.problems { problems.note(error) }
        format = content.format
        hasChatTemplate = content.prompting.templates != nil
        tokens = content.prompting.tokens
        let notices = problems.noting { () throws(AdapterError) in
            content.prompting == AdapterPrompting() ? [] : try check?(content.prompting) ?? []
        }
        let elements = content.elements(isHashed: true)
        version = problems.noting { () throws(AdapterError) in try content.version(elements) } ?? nil
        fileBytes = content.weights.fileBytes
        tensors = content.weights.tensors.values.map { Tensor(name: content.nameInFile($0.name), dtype: $0.dtype.name, shape: $0.shape) }
            .sorted { $0.name < $1.name }
        guard let family = problems.noting({ () throws(AdapterError) in try registry.family(for: content.manifest) }),
            let plan = family.plan(content, for: base, limits: limits, problems: &problems)
        else { return }
        summary = plan.summary
        summary?.notices += [GGUFAdapter.lostNotice(content.format, plan.summary)].compactMap { $0 } + (notices ?? [])
        residentBytes = plan.byteCount(element: element)
        // Targets that did not fit are known already; whether the others are finite is worth knowing too.
        if plan.summary.patchCount > 0 {
            delta = plan.delta(element: .f32, elements: elements, problems: &problems)
        }
        dependsOnRequest = plan.retrieval(elements, problems: &problems) != nil
        guard problems.isEmpty else { return }
        residentDelta = element == .f32 ? delta : plan.delta(element: element, elements: elements, problems: &problems)
        guard problems.isEmpty else { return }
        // Headers give an upper bound only.
        if let residentDelta { residentBytes = residentDelta.byteCount }
        effects = plan.effects()
        guard let weights = base.weights else { return }
        for (index, effect) in effects.enumerated() {
            guard let layer = effect.layer, let projection = effect.projection else { continue }
            let size = weights.norm(of: layer, projection)
            effects[index].relative = size > 0 ? effect.norm / size : nil
        }
    }
}
