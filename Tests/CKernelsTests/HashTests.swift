import CKernels
import Testing

@Suite struct HashTests {
    /// The same bits from every instruction set, at every number of lanes in use, chunks and parents alike.
    @Test func everyImplementationAgrees() {
        var numbers = Numbers(1)
        let bytes = (0..<40 * 1024).map { _ in numbers.byte() }
        for count in 1...40 {
            for chunk in [0, 1, 0xffff_fffa] as [UInt64] {
                let results = implementations.map { name in
                    let k = kernels(name).hash
                    var chains = [UInt8](repeating: 0xAA, count: count * 32 + 1)
                    k.chunks(bytes, count, chunk, &chains)
                    #expect(chains.last == 0xAA, "\(name) writes no more than its values")
                    var parents = [UInt8](repeating: 0xAA, count: count / 2 * 32 + 1)
                    k.parents(chains, count / 2, &parents)
                    #expect(parents.last == 0xAA, "\(name) writes no more than its values")
                    return chains + parents
                }
                #expect(results.allSatisfy { $0 == results[0] }, "\(count) inputs from chunk \(chunk)")
            }
        }
    }

    @Test func aLaneHashesItsOwnInput() {
        var numbers = Numbers(2)
        let bytes = (0..<21 * 1024).map { _ in numbers.byte() }
        for name in implementations {
            let k = kernels(name).hash
            var all = [UInt8](repeating: 0, count: 21 * 32), alone: [UInt8] = []
            k.chunks(bytes, 21, 5, &all)
            for chunk in 0..<21 {
                var one = [UInt8](repeating: 0, count: 32)
                k.chunks(Array(bytes[chunk * 1024..<(chunk + 1) * 1024]), 1, UInt64(5 + chunk), &one)
                alone += one
            }
            #expect(all == alone, "\(name)")
        }
    }
}
