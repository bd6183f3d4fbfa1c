import Foundation
import Models
import TestSupport
import Testing

@testable import Tuning

@Suite struct CheckpointTests {
    private func error(_ body: () throws -> Void) throws -> TuningError {
        do {
            try body()
        } catch let error as TuningError {
            return error
        }
        Issue.record("no error")
        return TuningError(.io, "none")
    }

    private func stored(_ folder: TemporaryFolder, _ small: SmallTask, steps: Int = 3, name: String = "small") throws -> Checkpoint {
        let task = try small.task(name)
        try small.run(task, to: steps)
        let path = folder.place("checkpoint.safetensors")
        try Checkpoint.write(task, base: BaseIdentity(small.files), to: path)
        return try Checkpoint(path)
    }

    private func resume(_ small: SmallTask, _ checkpoint: Checkpoint, name: String = "small", base: BaseIdentity? = nil) throws {
        try small.task(name).resume(
            from: checkpoint, base: base ?? BaseIdentity(small.files), weights: small.weights, pool: small.pool)
    }

    @Test("a checkpoint of another base, other data, other settings or another task is refused with what differs")
    func refused() throws {
        let folder = try TemporaryFolder()
        let small = try SmallTask("llama")
        let checkpoint = try stored(folder, small)
        try resume(small, checkpoint)

        let base = try error { try resume(small, checkpoint, base: BaseIdentity(name: "other", identity: "0123")) }
        #expect(base.code == .otherBase && base.message.contains("other (0123)") && base.message.contains(small.files.identity))
        let fast = try SmallTask("llama", precision: .fast)
        #expect(try error { try resume(fast, checkpoint) }.code == .otherBase)

        var data = small
        data.training.examples.swapAt(0, 1)
        let order = try error { try resume(data, checkpoint) }
        #expect(order.code == .changed && order.message.contains("training") && order.message.contains("other tokens"))
        data = small
        data.heldOut.examples.removeLast()
        data.heldOut.lines.removeLast()
        let fewer = try error { try resume(data, checkpoint) }
        #expect(fewer.code == .changed && fewer.message.contains("it has 3, here are 2"))

        var settings = small
        settings.settings.rates = try LearningRates(rate: 0.01)
        settings.settings.recipe.rank = 8
        let changed = try error { try resume(settings, checkpoint) }
        #expect(changed.code == .invalidSetting)
        #expect(changed.message.contains("recipe.rank was 4, is 8; rates.learning_rate was 0.02, is 0.01"))
        #expect(changed.file == checkpoint.path)

        let task = try error { try resume(small, checkpoint, name: "other") }
        #expect(task.code == .invalidSetting && task.message.contains("small") && task.message.contains("other"))
    }

    @Test("a truncated file is an error at every length")
    func truncated() throws {
        let folder = try TemporaryFolder()
        let small = try SmallTask("llama", recipe: .init(rank: 1, targets: [.key]))
        let bytes = try Data(contentsOf: URL(fileURLWithPath: try stored(folder, small).path))
        let path = folder.place("cut.safetensors")
        let header = 2500
        for length in Array(stride(from: 0, to: header, by: 61)) + Array(stride(from: header, to: bytes.count, by: 997)) + [bytes.count - 1] {
            try bytes.prefix(length).write(to: URL(fileURLWithPath: path))
            #expect(throws: TuningError.self, "\(length) of \(bytes.count) bytes") { try Checkpoint(path) }
        }
    }

    @Test("a flipped bit is an error wherever it is")
    func damaged() throws {
        let folder = try TemporaryFolder()
        let small = try SmallTask("llama", recipe: .init(rank: 1, targets: [.key]))
        let bytes = try Data(contentsOf: URL(fileURLWithPath: try stored(folder, small).path))
        let path = folder.place("damaged.safetensors")
        for place in stride(from: 0, to: bytes.count, by: 23) {
            var other = bytes
            other[place] ^= 1 << UInt8(place % 7)
            try other.write(to: URL(fileURLWithPath: path))
            #expect(throws: TuningError.self, "bit \(place % 7) of byte \(place)") {
                let checkpoint = try Checkpoint(path)
                // A flip in the number of the header's bytes may leave a whole file.
                try resume(small, checkpoint)
            }
        }
    }

    @Test("the last few are kept, and the newest that can be read is given with what is wrong with those after it")
    func kept() throws {
        let folder = try TemporaryFolder()
        let small = try SmallTask("llama", recipe: .init(rank: 1, targets: [.key]), heldOut: 0)
        let base = BaseIdentity(small.files)
        let checkpoints = try CheckpointFolder(folder.place("all"), kept: 2)
        #expect(try checkpoints.newest() == nil)
        let task = try small.task()
        for step in [1, 2, 5] {
            try small.run(task, to: step)
            try checkpoints.save(task, base: base)
        }
        #expect(try checkpoints.files().map { URL(fileURLWithPath: $0).lastPathComponent } == ["step-000000000002.safetensors", "step-000000000005.safetensors"])
        try folder.write("half", to: "all/step-000000000006.safetensors")
        try folder.write("half", to: "all/step-000000000006.safetensors.7.partial")
        let newest = try #require(try checkpoints.newest())
        #expect(newest.checkpoint.step == 5 && newest.damaged.count == 1)
        #expect(newest.damaged[0].file?.hasSuffix("step-000000000006.safetensors") == true)
        // The run goes back to an earlier step: what it had reached is not its future.
        let back = try small.task()
        try small.run(back, to: 3)
        try checkpoints.save(back, base: base)
        #expect(try FileManager.default.contentsOfDirectory(atPath: checkpoints.path).sorted() == ["step-000000000002.safetensors", "step-000000000003.safetensors"])
        try checkpoints.removeAll()
        #expect(try checkpoints.newest() == nil)
    }

    @Test("a checkpoint that cannot be written leaves the one before")
    func unwritable() throws {
        let folder = try TemporaryFolder()
        let small = try SmallTask("llama", recipe: .init(rank: 1, targets: [.key]), heldOut: 0)
        try folder.write("text", to: "file")
        let task = try small.task()
        #expect(try error { try CheckpointFolder(folder.place("file")).save(task, base: BaseIdentity(small.files)) }.code == .io)
        #expect(try error { _ = try Checkpoint(folder.place("none.safetensors")) }.code == .notFound)
        #expect(try error { _ = try Checkpoint(folder.write("{}", to: "text.safetensors")) }.code == .malformed)
        #expect(try error { _ = try CheckpointFolder("any", kept: 0) }.code == .invalidSetting)
    }

    @Test("the cursor after some steps is that of the reader")
    func cursor() throws {
        let small = try SmallTask("llama", recipe: .init(rank: 1, targets: [.key]), examples: 9, heldOut: 0)
        let task = try small.task()
        for step in 1...9 {
            try small.run(task, to: step)
            #expect(task.reader.cursor == task.cursor(afterSteps: step))
        }
    }
}
