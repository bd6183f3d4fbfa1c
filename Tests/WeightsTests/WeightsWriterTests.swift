import Foundation
import Glibc
import Tensors
import Testing
@testable import Weights

@Suite struct WeightsWriterTests {
    private let folder: ScratchFolder
    init() throws { folder = try ScratchFolder() }

    /// Three shards: 3 tensors of f32 and one of bf16.
    private func plan() throws -> WeightsPlan {
        try WeightsPlan.safetensors(
            [
                PlannedTensor("a", .bf16, [5]), PlannedTensor("b", .f32, [3, 4]), PlannedTensor("c", .f32, [1000, 10]), PlannedTensor("d", .f32, []),
            ], shardBytes: 60)
    }

    private func content(_ plan: WeightsPlan) -> [[UInt8]] {
        plan.places.enumerated().map { number, place in (0..<place.byteCount).map { UInt8(truncatingIfNeeded: ($0 * 7 + number * 31) % 120) } }
    }

    private var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()) ?? [] }

    private func check(_ plan: WeightsPlan, _ content: [[UInt8]]) throws {
        let read = try SafetensorsFolder.open(folder.path)
        #expect(read.tensors.count == plan.tensors.count)
        #expect(read.files.allSatisfy { $0.metadata == ["format": "pt"] })
        for (tensor, bytes) in zip(plan.tensors, content) {
            let view = try read.tensor(tensor.name, shape: tensor.shape)
            #expect(view.dtype == tensor.dtype && view.withUnsafeBytes { Array($0) } == bytes, "\(tensor.name)")
        }
    }

    @Test func piecesInAnyOrderFromAnyThreadMakeTheModel() async throws {
        let plan = try plan()
        let content = content(plan)
        let writer = try WeightsWriter.create(plan, in: folder.path)
        var pieces: [(Int, Range<Int>)] = []
        for (tensor, bytes) in content.enumerated() {
            for start in stride(from: 0, to: bytes.count, by: 777) { pieces.append((tensor, start..<min(start + 777, bytes.count))) }
        }
        var generator = SeededGenerator(5)
        pieces.shuffle(using: &generator)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (tensor, range) in pieces {
                group.addTask { try content[tensor][range].withUnsafeBytes { try writer.write($0, tensor: tensor, byteOffset: range.lowerBound) } }
            }
            try await group.waitForAll()
        }
        try writer.finish()
        #expect(names == [1, 2, 3].map { "model-0000\($0)-of-00003.safetensors" } + ["model.safetensors.index.json"])
        try check(plan, content)
    }

    @Test func aFolderLeftHalfwayIsContinued() throws {
        let plan = try plan()
        let content = content(plan)
        do {
            let writer = try WeightsWriter.create(plan, in: folder.path)
            for tensor in [0, 2] { try content[tensor].withUnsafeBytes { try writer.write($0, tensor: tensor) } }
            try writer.flush()
        }
        #expect(failure { try WeightsWriter.create(plan, in: self.folder.path) }?.code == .unwritable, "nothing is overwritten")
        let writer = try WeightsWriter.reopen(plan, in: folder.path)
        for tensor in [1, 3] { try content[tensor].withUnsafeBytes { try writer.write($0, tensor: tensor) } }
        try writer.finish()
        try check(plan, content)
    }

    @Test func onlyTheSamePlanIsContinued() throws {
        let plan = try plan()
        #expect(failure { try WeightsWriter.reopen(plan, in: self.folder.path) }?.code == .notFound)
        _ = try WeightsWriter.create(plan, in: folder.path)
        // The same sizes under another name.
        var renamed = plan.tensors
        renamed[2].name = "x"
        let other = try WeightsPlan.safetensors(renamed, shardBytes: 60)
        #expect(other.files.map(\.size) == plan.files.map(\.size))
        let error = failure { try WeightsWriter.reopen(other, in: self.folder.path) }
        #expect(error?.code == .malformed && error?.file.hasSuffix("model-00002-of-00003.safetensors") == true)
        var longer = plan.tensors
        longer[3].shape = [9]
        let longerPlan = try WeightsPlan.safetensors(longer, shardBytes: 60)
        #expect(failure { try WeightsWriter.reopen(longerPlan, in: self.folder.path) }?.code == .malformed)
        #expect(Glibc.truncate("\(folder.path)/model-00003-of-00003.safetensors", 99) == 0)
        #expect(failure { try WeightsWriter.reopen(plan, in: self.folder.path) }?.code == .malformed)
    }

    @Test func whatDoesNotFitTheDiskIsToldBeforeAnythingIsWritten() throws {
        let plan = try WeightsPlan.safetensors([PlannedTensor("a", .f32, [1 << 52])])
        let error = try #require(failure { try WeightsWriter.create(plan, in: self.folder.path) })
        #expect(error.code == .noSpace && error.message.hasPrefix("\(plan.byteCount) bytes are needed, "))
        #expect(names.isEmpty)
    }

    @Test func aFileBeyondTheLimitOfTheProcessIsToldBeforeAnythingIsWritten() throws {
        var before = rlimit()
        #expect(getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &before) == 0)
        // More than any other test writes meanwhile.
        var limit = rlimit(rlim_cur: 1 << 36, rlim_max: before.rlim_max)
        #expect(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0)
        defer { setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &before) }
        let plan = try WeightsPlan.safetensors([PlannedTensor("a", .f16, [1 << 36])])
        let error = failure { try WeightsWriter.create(plan, in: self.folder.path) }
        #expect(error?.code == .limitExceeded && error?.message.contains("up to 68719476736: raise it with ulimit -f") == true)
        #expect(names.isEmpty)
    }

    @Test func aFullDiskIsToldWithTheFileAndTheBytes() throws {
        let descriptor = open("/dev/full", O_WRONLY)
        defer { close(descriptor) }
        let error = failure { try [UInt8](repeating: 1, count: 9).withUnsafeBytes { try OutputFile.write($0, at: 40, to: descriptor, path: "model") } }
        #expect(error?.code == .noSpace && error?.file == "model")
        #expect(error?.message == "cannot write 9 bytes at byte 40: No space left on device")
    }

    @Test func anErrorWhileFilesAreMadeLeavesNone() throws {
        let plan = try plan()
        _ = try folder.write([1], as: "model-00003-of-00003.safetensors")
        #expect(failure { try WeightsWriter.create(plan, in: self.folder.path) }?.code == .unwritable)
        #expect(names == ["model-00003-of-00003.safetensors"], "the file that was there stays")
        #expect(failure { try WeightsWriter.create(plan, in: "\(self.folder.path)/none") }?.code == .unwritable)
    }

    @Test func theBytesAreTakenFromTheDiskAtTheStart() throws {
        let plan = try WeightsPlan.safetensors([PlannedTensor("a", .f32, [1 << 20])])
        _ = try WeightsWriter.create(plan, in: folder.path)
        var status = stat()
        #expect(stat("\(folder.path)/model.safetensors", &status) == 0 && Int(status.st_size) == plan.files[0].size)
        #expect(Int(status.st_blocks) * 512 >= 4 << 20, "on a file system without reservations this is no error")
    }
}
