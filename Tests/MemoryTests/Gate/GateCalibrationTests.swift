import Testing

@testable import Memory

@Suite("Calibration of the gate")
struct GateCalibrationTests {
    private let least = GateCalibration.least

    @Test("a store without rivals has the least threshold")
    func none() {
        var calibration = GateCalibration()
        #expect(calibration.threshold == least)
        for _ in 0..<1000 { calibration.insert(nil) }
        for _ in 0..<1000 { calibration.insert(least - 0.01) }
        #expect(calibration.threshold == least && calibration.count == 2000)
    }

    @Test("the threshold is above all rivalries but those of one fact in two hundred")
    func share() {
        var calibration = GateCalibration()
        for _ in 0..<995 { calibration.insert(nil) }
        for _ in 0..<5 { calibration.insert(least + 1) }
        #expect(calibration.threshold == least)
        calibration.insert(least + 0.3)
        // Six of a thousand have 0.3 and more, five of them 1: steps are of an eighth.
        #expect(calibration.threshold == least + 0.375)
        calibration.insert(least + 1)
        #expect(calibration.threshold == least + 1.125)
    }

    @Test("one fact that rivals another in a small store counts, and the threshold has a bound")
    func small() {
        var calibration = GateCalibration()
        calibration.insert(nil)
        calibration.insert(least + 0.5)
        #expect(calibration.threshold == least + 0.625)
        calibration.insert(least + 50)
        #expect(calibration.threshold == GateCalibration.most)
    }

    @Test("facts that are removed leave the threshold of those that stay")
    func removes() {
        var calibration = GateCalibration()
        let rivalries: [Float?] = (0..<400).map { $0 % 3 == 0 ? nil : least - 1 + Float($0) / 100 }
        for rivalry in rivalries { calibration.insert(rivalry) }
        for rivalry in rivalries.dropFirst(20) { calibration.remove(rivalry) }
        var few = GateCalibration()
        for rivalry in rivalries.prefix(20) { few.insert(rivalry) }
        #expect(calibration == few)
    }
}
