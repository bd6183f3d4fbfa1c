import Dispatch
import Generation
import Synchronization

/// One prompt while its sequences become the engine's. The first of them pins the adapter and makes the tokens, and the others share
/// both: so one version of one adapter answers all, or none starts. Any thread.
///
/// A sequence that comes while another one's thread prepares waits for that.
final class PromptPreparation: Sendable {
    /// What becomes of a sequence.
    enum Outcome: Sendable {
        case ready(PreparedPrompt)
        /// Another adapter is to answer the prompt: the sequence must wait in that adapter's flow.
        case moved
        case failed(GenerationError)
    }

    private struct State {
        var submission: GenerationSubmission
        var result: Result<PreparedPrompt, GenerationError>?
    }

    private let preparer: RequestPreparer
    private let state: Mutex<State>
    /// Lets go of adapters: that takes the store's lock and may unmap memory.
    private static let releases = DispatchQueue(label: "prompt releases", qos: .utility)

    init(_ submission: GenerationSubmission, preparer: RequestPreparer) {
        self.preparer = preparer
        state = Mutex(State(submission: submission))
    }

    deinit {
        let last = state.withLock { state in
            defer { state.result = nil }
            return state.result
        }
        if case .success(let prepared) = last, prepared.adapter != nil { Self.releases.async { _ = prepared } }
    }

    /// The request of a sequence as it is now; its adapter changes when the prompt falls back.
    func request(_ index: Int) -> GenerationRequest { state.withLock { $0.submission.choices[index].request } }

    /// Prepares the prompt for a sequence, unless that was done for another one.
    ///
    /// - Parameter adapter: the one that was to answer when the sequence was queued.
    func prepare(_ index: Int, queuedFor adapter: String?) -> Outcome {
        state.withLock { state in
            guard state.submission.adapter == adapter else { return .moved }
            let result = state.result ?? prepare(state.submission.choices[index].request)
            if case .failure(let error) = result, state.result == nil, state.submission.fallBack(from: error) { return .moved }
            state.result = result
            return switch result {
            case .success(let prepared): .ready(prepared)
            case .failure(let error): .failed(error)
            }
        }
    }

    private func prepare(_ request: GenerationRequest) -> Result<PreparedPrompt, GenerationError> {
        Result { () throws(GenerationError) in try preparer.prepare(request) }
    }
}
