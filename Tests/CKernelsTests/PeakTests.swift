import CKernels
import Testing

@Suite struct PeakTests {
    @Test("each round does the same whole number of vectors of multiply-adds", arguments: implementations)
    func countsWhatItDid(name: String) {
        let peak = kernels(name).peak
        for (run, vector) in [(peak.int8!, 64), (peak.f32!, 16)] {
            let one = run(1)
            #expect(one > 0 && one % vector == 0)
            #expect(run(0) == 0)
            #expect(run(1000) == 1000 * one)
        }
    }
}
