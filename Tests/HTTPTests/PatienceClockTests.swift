import Testing

@testable import HTTP

@Suite struct PatienceClockTests {
    @Test func timeInWhichTheServerDidNotReadIsNotCounted() {
        var clock = PatienceClock(now: 1_000)
        #expect(clock.milliseconds(now: 1_040) == 40)
        clock.tick(now: 1_100)
        #expect(clock.milliseconds(now: 1_100) == 100)
        // Held up for 5 s.
        #expect(clock.milliseconds(now: 6_100) == 300)
        clock.tick(now: 6_100)
        #expect(clock.milliseconds(now: 6_100) == 300)
        clock.tick(now: 6_200)
        #expect(clock.milliseconds(now: 6_200) == 400)
    }
}
