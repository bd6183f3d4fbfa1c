import UV

/// Reports when the time of some of a request's answers is over, once for each. Loop only; it must be closed.
@LoopActor
final class AnswerDeadlines {
    /// By choice, in milliseconds of `elapsed`.
    private var limits: [Int: Int] = [:]
    private let elapsed: @LoopActor () -> Double
    private let over: @LoopActor ([Int]) -> Void
    private var timer: LoopTimer?
    private var isClosed = false

    /// - Parameters:
    ///   - elapsed: milliseconds since the request arrived.
    ///   - over: gets the choices whose time is over.
    init(elapsed: @escaping @LoopActor () -> Double, over: @escaping @LoopActor ([Int]) -> Void) {
        self.elapsed = elapsed
        self.over = over
    }

    /// Sets or, with nil, removes the limit of a choice.
    func set(_ milliseconds: Int?, of choice: Int) {
        guard !isClosed, limits[choice] != milliseconds else { return }
        limits[choice] = milliseconds
        arm()
    }

    func close() {
        isClosed = true
        limits = [:]
        timer?.close()
        timer = nil
    }

    private func arm() {
        guard let next = limits.values.min() else {
            timer?.close()
            timer = nil
            return
        }
        if timer == nil { timer = LoopTimer { [weak self] in self?.fire() } }
        timer?.start(afterMilliseconds: Int(max(Double(next) - elapsed(), 0).rounded(.up)))
    }

    private func fire() {
        let now = elapsed()
        let late = limits.filter { Double($0.value) <= now }.map(\.key).sorted()
        for choice in late { limits[choice] = nil }
        if !late.isEmpty { over(late) }
        if !isClosed { arm() }
    }
}
