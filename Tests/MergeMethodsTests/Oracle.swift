import Foundation
import JSON
import Tensors
import TestSupport
import Weights

@testable import MergeMethods

/// Tensors in memory, as sources.
struct ArrayReader: TensorReader {
    let values: [Float]
    let columns: Int

    func read(_ rows: Range<Int>, into target: UnsafeMutablePointer<Float>) throws(MergeError) {
        for (place, index) in (rows.lowerBound * columns..<rows.upperBound * columns).enumerated() { target[place] = values[index] }
    }
}

/// What a merge wrote, from any thread.
final class Written: @unchecked Sendable {
    private let lock = NSLock()
    private var values: [Float]
    private var seen: [Bool]
    private let columns: Int

    init(shape: [Int]) {
        columns = shape.last ?? 1
        values = [Float](repeating: .nan, count: shape.reduce(1, *))
        seen = [Bool](repeating: false, count: shape.dropLast().reduce(1, *))
    }

    func write(_ rows: Range<Int>, _ block: UnsafePointer<Float>) throws(MergeError) {
        lock.lock()
        defer { lock.unlock() }
        for row in rows {
            guard !seen[row] else { throw MergeError(.exists, "row \(row) came twice") }
            seen[row] = true
            for column in 0..<columns { values[row * columns + column] = block[(row - rows.lowerBound) * columns + column] }
        }
    }

    /// All rows; empty when some did not come.
    var result: [Float] { seen.allSatisfy(\.self) ? values : [] }
}

extension TensorMerge {
    func result(threads: Int = 1) throws(MergeError) -> [Float] {
        let written = Written(shape: shape)
        try run(pool: WorkerPool(threads: threads)) { rows, values throws(MergeError) in try written.write(rows, values) }
        return written.result
    }

    /// Sources of these values, the one at `base` being the base.
    init(
        _ method: MergeMethod, _ sources: [[Float]], shape: [Int]? = nil, base: Int? = nil, own: [MergeValues] = [],
        shared: MergeValues = [:], seed: UInt64 = 0
    ) {
        let shape = shape ?? [sources[0].count]
        self.init(
            method, shape: shape,
            terms: sources.enumerated().map { index, values in
                MergeTerm(
                    "source \(index)", reader: ArrayReader(values: values, columns: shape.last ?? 1), values: own.isEmpty ? [:] : own[index],
                    isBase: index == base)
            }, values: shared, seed: seed)
    }
}

/// mergekit's results (`scripts/fixtures/merge_methods.py`).
struct Oracle {
    struct Case {
        let name: String
        let shapeName: String
        let merge: TensorMerge
        let expected: [Float]
    }

    let cases: [Case]

    static func file(_ name: String) throws -> SafetensorsFile { try SafetensorsFile.open(Checkout.fixture("\(name).safetensors")) }

    static func document(_ name: String) throws -> JSONCursor {
        JSONCursor(try JSONValue.parse(Array(Data(contentsOf: URL(fileURLWithPath: Checkout.fixture("\(name).json"))))))
    }

    init() throws {
        let (file, document) = (try Self.file("methods"), try Self.document("methods"))
        let seed = UInt64(try document["seed"].int())
        var cases: [Case] = []
        for (number, row) in try document["cases"].array().enumerated() {
            let method = MergeMethod(rawValue: try row["method"].string())!
            let sources = try row["sources"].array().map { try $0.string() }
            let base = try row["base"].optionalString().flatMap(sources.firstIndex)
            let own = try row["values"].array().map(Self.values)
            for shapeName in try row["shapes"].array().map({ try $0.string() }) {
                let shape = try document["shapes"][shapeName].array().map { try $0.int() }
                let values = try sources.map { source in
                    try Self.floats(file, "\(shapeName).\(source != "tied2" && source.hasSuffix("2") ? String(source.dropLast()) : source)")
                }
                cases.append(
                    Case(
                        name: "\(number).\(shapeName)", shapeName: shapeName,
                        merge: TensorMerge(
                            method, values, shape: shape, base: base, own: own, shared: try Self.values(row["shared"]), seed: seed),
                        expected: try Self.floats(file, "\(number).\(shapeName)")))
            }
        }
        self.cases = cases
    }

    private static func values(_ cursor: JSONCursor) throws -> MergeValues {
        var values = MergeValues()
        for (key, value) in try cursor.members() { values[key] = try value.value?.boolValue.map { $0 ? 1 : 0 } ?? value.double() }
        return values
    }

    static func floats(_ file: SafetensorsFile, _ name: String) throws -> [Float] {
        guard let tensor = file.tensors[name] else { throw MergeError(.notFound, "no tensor \(name) in the fixture") }
        return tensor.withUnsafeBytes { bytes in (0..<tensor.elementCount).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) } }
    }
}

func bits(_ values: [Float]) -> [UInt32] { values.map(\.bitPattern) }
