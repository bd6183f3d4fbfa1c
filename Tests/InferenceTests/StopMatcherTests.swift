import Testing

@testable import Inference

@Suite("Stop strings")
struct StopMatcherTests {
    private func run(_ stops: [String], _ pieces: [String]) -> (text: String, isStopped: Bool) {
        var matcher = StopMatcher(stops)
        var text = ""
        for piece in pieces { text += matcher.append(piece) }
        let isStopped = matcher.isStopped
        return (text + matcher.finish(), isStopped)
    }

    @Test("a stop string is found however the text is cut")
    func everyCut() {
        let text = Array("one two\n\nUser: three")
        for first in 0...text.count {
            for second in first...text.count {
                let pieces = [text[..<first], text[first..<second], text[second...]].map { String($0) }
                let result = run(["\n\nUser:", "###"], pieces)
                #expect(result.text == "one two")
                #expect(result.isStopped)
            }
        }
    }

    @Test("an almost complete stop string is shown in the end")
    func almost() {
        #expect(run(["END!"], ["the EN", "D is near", " EN"]).text == "the END is near EN")
    }

    @Test("the earliest of several wins, and overlapping starts are not missed")
    func overlaps() {
        #expect(run(["aab"], ["aa", "aab"]).text == "aa")
        #expect(run(["cd", "bcde"], ["ab", "cde"]).text == "a")
    }

    @Test("text that can no longer match is shown at once")
    func promptness() {
        var matcher = StopMatcher(["<end>"])
        #expect(matcher.append("a<e") == "a")
        #expect(matcher.append("x") == "<ex")
        #expect(matcher.append("é€") == "é€")
    }

    @Test("finds what a search over the whole text finds, whatever overlaps", arguments: [51, 52, 53])
    func random(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<3000 {
            func word(_ length: ClosedRange<Int>) -> String {
                String((0..<Int.random(in: length, using: &random)).map { _ in Bool.random(using: &random) ? "a" : "b" })
            }
            let stops = (0..<Int.random(in: 1...3, using: &random)).map { _ in word(1...6) }
            let text = Array(word(0...30))
            // A piece a character: the stop string that ends first wins.
            let ends = text.indices.first { end in stops.contains { String(text[...end]).hasSuffix($0) } }
            var expected = String(text)
            if let ends {
                let longest = stops.filter { String(text[...ends]).hasSuffix($0) }.map(\.count).max() ?? 0
                expected = String(text[..<(ends + 1 - longest)])
            }
            let result = run(stops, text.map { String($0) })
            #expect(result.text == expected, "\(stops) in \(String(text)) seed \(seed)")
            #expect(result.isStopped == (ends != nil))
        }
    }

    @Test("many long stop strings that nearly match cost a bounded number of comparisons a byte")
    func linear() {
        let stops = (0..<16).map { String(repeating: "a", count: 1000 + $0) + "b" }
        var matcher = StopMatcher(stops)
        var shown = 0
        for _ in 0..<20_000 { shown += matcher.append("aaaa").utf8.count }
        #expect(shown + matcher.finish().utf8.count == 80_000)
    }
}
