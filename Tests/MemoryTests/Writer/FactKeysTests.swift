import Foundation
import Tensors
import TestSupport
import Testing
import Weights

@testable import Memory

@Suite("keys in closed form") struct FactKeysTests {
    @Test("keys are those that numpy solves for", arguments: [1, 2])
    func fixture(threads: Int) throws {
        let file = try SafetensorsFile.open("\(Checkout.path)/Tests/MemoryTests/Fixtures/keys.safetensors")
        func floats(_ name: String) throws -> [Float] { try #require(file.tensors[name]).floats() }
        func number(_ key: String) throws -> Float { try #require(Float(file.metadata[key] ?? "")) }
        let (mean, expected) = (try floats("mean"), try floats("keys"))
        let calibration = try MemoryCalibration(
            site: 0, baseName: "", baseIdentity: "", hidden: mean.count, residualScale: number("rho"), mean: mean, covariance: floats("covariance"),
            prompts: floats("prompts"))
        let rows = FloatBuffer(try floats("rows"))
        let found = try FactKeys(calibration).solve(
            rows.pointer, sequences: Int(number("sequences")), places: Int(number("places")), pool: WorkerPool(threads: threads))
        let largest = expected.reduce(0) { max($0, abs($1)) }
        #expect(found.count == expected.count && zip(found, expected).allSatisfy { abs($0 - $1) < 1e-4 * largest })
    }

    @Test("rows that are not finite are refused")
    func infinite() throws {
        let calibration = try MemoryCalibration(
            site: 0, baseName: "", baseIdentity: "", hidden: 2, residualScale: 1, mean: [0, 0], covariance: [1, 0, 0, 1], prompts: [])
        let rows = FloatBuffer([.nan, 1])
        #expect(throws: MemoryError(.invalid, "the keys of a fact cannot be solved: its rows are not finite")) {
            try FactKeys(calibration).solve(rows.pointer, sequences: 1, places: 1, pool: WorkerPool(threads: 1))
        }
    }
}
