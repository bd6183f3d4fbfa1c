import Foundation

/// A bar on stderr, with the time that is left, for work whose size is known; silent when stderr is no terminal.
struct ProgressBar {
    private let title: String
    private let total: Int
    private var done = 0
    private var shown = -1
    private let start = ContinuousClock.now

    init(_ title: String, total: Int) {
        self.title = title
        self.total = max(total, 1)
    }

    mutating func advance() { advance(to: done + 1) }

    mutating func advance(to count: Int) {
        done = count
        let percent = done * 100 / total
        guard Terminal.errorIsTerminal, percent != shown else { return }
        shown = percent
        let filled = percent * 30 / 100
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 30 - filled)
        FileHandle.standardError.write(Data("\r\u{1B}[K\(title)  \(bar) \(percent) %\(timeLeft)\(done == total ? "\n" : "")".utf8))
    }

    private var timeLeft: String {
        guard done > 0, done < total else { return "" }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        return "  \(TunePace.text(seconds / Double(done) * Double(total - done))) left"
    }
}
