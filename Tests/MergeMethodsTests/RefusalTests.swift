import Tensors
import Testing

@testable import MergeMethods

@Suite("Merges that are refused")
struct RefusalTests {
    /// A source whose reading is a failure of the test.
    struct Unread: TensorReader {
        func read(_ rows: Range<Int>, into target: UnsafeMutablePointer<Float>) throws(MergeError) {
            throw MergeError(.malformed, "it was read")
        }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let method: MergeMethod
        var bases = 1
        var changes = 1
        var own: MergeValues = [:]
        var shared: MergeValues = [:]
        var shape = [4, 4]
        /// A part of the message.
        let message: String

        var testDescription: String { "\(method.rawValue): \(message)" }
    }

    static let cases: [Case] = [
        .init(method: .ties, message: "`weight` of change 0 is missing"),
        .init(method: .ties, own: ["weight": .nan], message: "`weight` of change 0 is nan"),
        .init(method: .ties, own: ["weight": 1e39], message: "expected a number that f32 can hold"),
        .init(method: .ties, own: ["weight": 1, "density": 1.01], message: "`density` of change 0 is 1.01, expected a number from 0 to 1"),
        .init(method: .ties, own: ["weight": 1, "density": -0.1], message: "expected a number from 0 to 1"),
        .init(method: .ties, own: ["weight": 1], shared: ["normalize": 2], message: "expected true or false"),
        .init(method: .ties, own: ["weight": 1], shared: ["lambda": .infinity], message: "`lambda` is inf"),
        .init(method: .ties, own: ["weight": 1, "gamma": 0.1], message: "ties has no value `gamma` of change 0: it has weight, density"),
        .init(method: .ties, own: ["weight": 1], shared: ["t": 0.1], message: "ties has no value `t`"),
        .init(method: .ties, bases: 0, own: ["weight": 1], message: "ties needs a base"),
        .init(method: .ties, bases: 2, own: ["weight": 1], message: "2 sources are the base"),
        .init(method: .breadcrumbs, own: ["weight": 1, "gamma": 1.5], message: "`gamma` of change 0"),
        .init(method: .della, own: ["weight": 1, "density": 0.1], message: "`epsilon` of change 0 is 0.15 at a density of 0.1"),
        .init(method: .dellaLinear, own: ["weight": 1, "density": 0.9, "epsilon": 0.1], message: "`epsilon` of change 0 is 0.1"),
        .init(method: .della, own: ["weight": 1, "density": 0.5, "epsilon": -0.1], message: "expected a number from 0 up"),
        .init(method: .slerp, message: "`t` is missing"),
        .init(method: .slerp, changes: 2, shared: ["t": 0.5], message: "slerp was given 3 sources, expected exactly 2"),
        .init(method: .nearswap, changes: 0, shared: ["t": 0.5], message: "nearswap was given 1 sources, expected exactly 2"),
        .init(method: .nuslerp, bases: 0, changes: 3, own: ["weight": 1], message: "3 sources besides the base, expected exactly 2"),
        .init(method: .multislerp, changes: 0, message: "0 sources besides the base, expected at least 1"),
        .init(method: .multislerp, changes: 2, own: ["weight": 0], message: "the weights add up to 0.0"),
        .init(method: .linear, bases: 0, changes: 2, own: ["weight": 0], message: "the weights add up to 0.0, which cannot be normalised"),
        .init(method: .linear, own: ["weight": 1], message: "`weight` of base is missing"),
        .init(method: .passthrough, bases: 0, changes: 2, message: "2 sources, expected exactly 1"),
        .init(method: .modelStock, message: "2 sources, expected at least 3"),
        .init(method: .karcher, bases: 0, shared: ["max_iter": 2.5], message: "expected a whole number"),
        .init(method: .karcher, bases: 0, shared: ["tol": -1], message: "`tol` is -1.0"),
        .init(method: .sce, shared: ["select_topk": 3], message: "`select_topk` is 3.0"),
        .init(method: .ties, own: ["weight": 1], shape: [4, -1], message: "the shape [4, -1]"),
        .init(method: .ties, own: ["weight": 1], shape: [1 << 40, 1 << 40], message: "none of a tensor"),
    ]

    @Test("A recipe that makes no sense is refused before anything is read", arguments: cases)
    func recipes(_ one: Case) {
        let bases = (0..<one.bases).map { _ in MergeTerm("base", reader: Unread(), isBase: true) }
        let changes = (0..<one.changes).map { MergeTerm("change \($0)", reader: Unread(), values: one.own) }
        let merge = TensorMerge(one.method, shape: one.shape, terms: bases + changes, values: one.shared, tensor: "model.norm.weight")
        let error = #expect(throws: MergeError.self) { try merge.run(pool: WorkerPool(threads: 1)) { _, _ in } }
        #expect(error?.code == .invalidRecipe)
        #expect(error?.tensor == "model.norm.weight")
        #expect(error?.message.contains(one.message) == true, "\(error?.message ?? "")")
        #expect(throws: MergeError.self) { try merge.check() }
    }

    @Test("DELLA over rows of one element is refused, and merged at density 1")
    func dellaColumn() throws {
        let column: [Float] = [1, 2, 3]
        let merge = { TensorMerge(.della, [column, column], shape: [3, 1], base: 0, own: [[:], ["weight": 1, "density": $0]]) }
        #expect(throws: MergeError.self) { try merge(0.5).check() }
        #expect(try merge(1).result() == column)
    }

    @Test("multislerp names the sources whose directions cancel each other, and merges two of them in a straight line")
    func antipodes() throws {
        let one: [Float] = [1, 2, -3]
        let all = [one, one.map { -$0 }, one.map { 0 * $0 }]
        let own = all.map { _ in ["weight": 0.5] as MergeValues }
        let error = #expect(throws: MergeError.self) { try TensorMerge(.multislerp, all, own: own).result() }
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains("source 0, source 1, source 2") == true)
        #expect(try TensorMerge(.multislerp, Array(all.prefix(2)), own: Array(own.prefix(2))).result() == [0, 0, 0])
        // Zeros have no direction; all of them together are zeros.
        #expect(try TensorMerge(.multislerp, [all[2], all[2], all[2]], own: own).result() == [0, 0, 0])
        #expect(try TensorMerge(.karcher, [all[2], all[2], all[2]]).result() == [0, 0, 0])
    }

    @Test("A result beyond f32 is refused and names its place")
    func overflow() {
        let large: [Float] = [0, 3e38, 0, 0]
        let merge = TensorMerge(.linear, [large, large], shape: [2, 2], own: [["weight": 1], ["weight": 1]], shared: ["normalize": 0])
        let error = #expect(throws: MergeError.self) { try merge.result() }
        #expect(error?.code == .nonFinite)
        #expect(error?.message.contains("row 0, column 1") == true)
    }

    /// A source that fails from a row on.
    struct Failing: TensorReader {
        let row: Int

        func read(_ rows: Range<Int>, into target: UnsafeMutablePointer<Float>) throws(MergeError) {
            for index in 0..<rows.count { target[index] = 1 }
            if rows.upperBound > row { throw MergeError(.changed, "row \(max(rows.lowerBound, row)) is gone") }
        }
    }

    @Test("The error of a reader and of a writer comes out, that of the lowest rows where several fail")
    func errors() {
        for threads in [1, 3] {
            var merge = TensorMerge(.ties, shape: [50, 1], terms: [
                MergeTerm("base", reader: Failing(row: 51), isBase: true),
                MergeTerm("change", reader: Failing(row: 20), values: ["weight": 1, "density": 0.5]),
            ])
            merge.granularity = .init(block: 1, segment: 4)
            let error = #expect(throws: MergeError.self) { try merge.result(threads: threads) }
            #expect(error?.code == .changed)
            if threads == 1 { #expect(error?.message == "row 20 is gone") }
            let whole = TensorMerge(.linear, shape: [50, 1], terms: [MergeTerm("one", reader: Failing(row: 99), values: ["weight": 1])])
            let refused = #expect(throws: MergeError.self) {
                try whole.run(pool: WorkerPool(threads: threads)) { _, _ throws(MergeError) in throw MergeError(.noRoom, "the disk is full") }
            }
            #expect(refused?.code == .noRoom)
        }
    }

    @Test("A tensor without elements has no blocks")
    func empty() throws {
        for shape in [[0], [0, 4], [4, 0]] {
            let merge = TensorMerge(.linear, shape: shape, terms: [MergeTerm("one", reader: Unread(), values: ["weight": 1])])
            try merge.run(pool: WorkerPool(threads: 1)) { _, _ in Issue.record("a block of an empty tensor") }
        }
    }
}
