import Foundation

/// A bar on stderr for work whose size is known; silent when stderr is no terminal.
struct ProgressBar {
    private let title: String
    private let total: Int
    private var done = 0
    private var shown = -1

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
        let end = done == total ? "\n" : ""
        FileHandle.standardError.write(Data("\r\(title)  \(bar) \(percent) %\(end)".utf8))
    }
}
