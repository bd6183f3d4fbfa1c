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
}
