import Synchronization
import Testing
import UV

@Suite struct LoopTests {
    @Test func loopCodeRunsOnOneThread() async {
        #expect(!LoopActor.isCurrent)
        let isCurrent = await Task { @LoopActor in LoopActor.isCurrent }.value
        #expect(isCurrent)
    }
}
