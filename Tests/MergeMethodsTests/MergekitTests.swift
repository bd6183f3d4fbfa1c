import MergeMethods
import Tensors
import Testing

@Suite("Merges against mergekit 0.1.5")
struct MergekitTests {
    /// Nothing of them is a sum over a tensor.
    static func isElementwise(_ merge: TensorMerge) -> Bool {
        switch merge.method {
        case .linear, .passthrough, .nearswap, .taskArithmetic: true
        case .ties, .breadcrumbs, .breadcrumbsTies: merge.values["rescale"] != 1
        case .dareLinear, .dareTies, .della, .dellaLinear: merge.values["rescale"] == 0
        default: false
        }
    }

    @Test("Methods without sums over a tensor give mergekit's bits")
    func elementwise() throws {
        var compared = 0
        for one in try Oracle().cases where Self.isElementwise(one.merge) {
            let result = try one.merge.result()
            #expect(bits(result) == bits(one.expected), "\(one.name) \(one.merge.method)")
            compared += 1
        }
        #expect(compared > 150)
    }

    @Test("Methods with sums over a tensor give mergekit's numbers to some units in the last place")
    func reduced() throws {
        var compared = 0
        var worst: [MergeMethod: Float] = [:]
        for one in try Oracle().cases where !Self.isElementwise(one.merge) {
            let result = try one.merge.result()
            #expect(result.count == one.expected.count, "\(one.name)")
            let size = one.expected.reduce(0) { max($0, abs($1)) }
            let difference = zip(result, one.expected).reduce(0) { max($0, abs($1.0 - $1.1)) } / max(size, 1e-30)
            worst[one.merge.method] = max(worst[one.merge.method] ?? 0, difference)
            #expect(difference <= 2e-6, "\(one.name) \(one.merge.method)")
            compared += 1
        }
        print("greatest differences, relative to a tensor's greatest element:", worst.sorted { $0.value > $1.value }.map { "\($0.key) \($0.value)" })
        #expect(compared > 150)
    }
}
