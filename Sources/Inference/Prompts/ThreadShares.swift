/// Threads that are shared out to flows: no flow has more than its part of them.
struct ThreadShares {
    private var free: Int
    private let perFlow: Int
    private var used: [String?: Int] = [:]

    init(threads: Int = 1, perFlow: Int = 1) {
        free = threads
        self.perFlow = perFlow
    }

    func hasRoom(for flow: String?) -> Bool { free > 0 && used[flow, default: 0] < perFlow }

    mutating func take(_ flow: String?) {
        free -= 1
        used[flow, default: 0] += 1
    }

    mutating func giveBack(_ flow: String?) {
        free += 1
        let left = used[flow, default: 1] - 1
        used[flow] = left > 0 ? left : nil
    }
}
