import Memory
import Testing

@Suite("Experts of a fact")
struct FactExpertsTests {
    @Test("an expert is a row of A, its offset and a column of B")
    func countsExperts() {
        let experts = FactExperts(
            site: 27, hidden: 4, inner: [UInt16](repeating: 0x3f80, count: 12), offsets: [0, 1, 2],
            outer: [UInt16](repeating: 0, count: 12))
        #expect(experts.count == 3)
    }
}
