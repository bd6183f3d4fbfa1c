import Testing
import Tuning

@Suite struct TrainingExampleTests {
    @Test func theFirstTokenIsNeverATarget() {
        let sequence = TrainingSequence(tokens: [1, 2, 3], isTarget: [true, true, false])
        #expect(sequence.isTarget == [false, true, false])
        #expect(sequence.targetCount == 1)
    }
}
