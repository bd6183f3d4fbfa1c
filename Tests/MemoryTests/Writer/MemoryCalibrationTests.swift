import Foundation
import TestSupport
import Testing

@testable import Memory

@Suite("calibrations") struct MemoryCalibrationTests {
    private func calibration(identity: String = "0123") throws -> MemoryCalibration {
        try MemoryCalibration(
            site: 3, baseName: "tiny", baseIdentity: identity, hidden: 2, residualScale: 25.5, mean: [1, -2], covariance: [2, 0.5, 0.5, 1],
            prompts: [1, 2, 3, 4])
    }

    private func path() -> String { FileManager.default.temporaryDirectory.appendingPathComponent("lmoe-\(UUID().uuidString).safetensors").path }

    @Test("a file gives back what was written")
    func roundTrip() throws {
        let (written, path) = (try calibration(), path())
        defer { try? FileManager.default.removeItem(atPath: path) }
        try written.write(to: path)
        let read = try MemoryCalibration(contentsOf: path)
        #expect((read.site, read.baseName, read.baseIdentity, read.hidden, read.residualScale) == (3, "tiny", "0123", 2, 25.5))
        #expect((read.mean, read.covariance, read.prompts) == (written.mean, written.covariance, written.prompts))
    }

    @Test("a damaged, cut or foreign file is refused with its path")
    func damaged() throws {
        let path = path()
        defer { try? FileManager.default.removeItem(atPath: path) }
        try calibration().write(to: path)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        func code(_ data: Data) throws -> MemoryError.Code? {
            try data.write(to: URL(fileURLWithPath: path))
            do throws(MemoryError) {
                _ = try MemoryCalibration(contentsOf: path)
                return nil
            } catch {
                #expect(error.place == path)
                return error.code
            }
        }
        #expect(try code(bytes) == nil)
        for cut in [0, 7, 100, bytes.count - 1] { #expect(try code(bytes.prefix(cut)) == .malformed) }
        var flipped = bytes
        flipped[bytes.count - 5] ^= 1
        #expect(try code(flipped) == .malformed)
        try FileManager.default.removeItem(atPath: path)
        #expect(throws: MemoryError.self) { try MemoryCalibration(contentsOf: path) }
    }

    @Test("a covariance that is none is refused")
    func covariance() {
        #expect(throws: MemoryError(.malformed, "the calibration's covariance is not positive definite")) {
            try MemoryCalibration(
                site: 0, baseName: "", baseIdentity: "", hidden: 2, residualScale: 1, mean: [0, 0], covariance: [1, 2, 2, 1], prompts: [])
        }
    }
}
