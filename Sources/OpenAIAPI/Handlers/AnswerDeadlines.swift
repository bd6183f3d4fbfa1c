import UV

/// Reports when the time of some of a request's answers is over, once for each. Loop only; it must be closed.
@LoopActor
final class AnswerDeadlines {
    private var pending: [(choices: [Int], milliseconds: Double)]
    private let elapsed: @LoopActor () -> Double
    private let over: @LoopActor ([Int]) -> Void
    private var timer: LoopTimer?

    /// - Parameters:
    ///   - limits: of each choice, in milliseconds of `elapsed`; nil is none.
    ///   - elapsed: since the request arrived.
    ///   - over: gets the choices whose time is over; never called before `start`.
    init(_ limits: [Int?], elapsed: @escaping @LoopActor () -> Double, over: @escaping @LoopActor ([Int]) -> Void) {
        var byLimit: [Int: [Int]] = [:]
        for (choice, limit) in limits.enumerated() {
            if let limit { byLimit[limit, default: []].append(choice) }
        }
        pending = byLimit.sorted { $0.key < $1.key }.map { (choices: $0.value, milliseconds: Double($0.key)) }
        self.elapsed = elapsed
        self.over = over
    }

    func start() {
        guard timer == nil, !pending.isEmpty else { return }
        timer = LoopTimer { [weak self] in self?.fire() }
        arm()
    }

    func close() {
        pending = []
        timer?.close()
        timer = nil
    }

    private func arm() {
        guard let next = pending.first else { return close() }
        timer?.start(afterMilliseconds: Int(max(next.milliseconds - elapsed(), 0).rounded(.up)))
    }

    private func fire() {
        guard let next = pending.first else { return }
        pending.removeFirst()
        over(next.choices)
        arm()
    }
}
