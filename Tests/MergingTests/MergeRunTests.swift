import Foundation
import MergeMethods
import Merging
import Synchronization
import Tensors
import TestSupport
import Testing
import Weights

/// Runs that are interrupted, meet bad sources, or find their place taken.
@Suite("Runs of merges")
struct MergeRunTests {
    private let folder: TemporaryFolder
    private var output: String { folder.place("out") }
    private var weights: String { "\(output)/model.safetensors" }

    init() throws { folder = try TemporaryFolder() }

    @Test("A run that was interrupted goes on, and gives the bytes of one that was not", arguments: [1, 9, 25])
    func resume(_ blocks: Int) throws {
        let whole = try Data(contentsOf: url(try MergeFixture.merge("ties", to: folder.place("whole")) + "/model.safetensors"))
        let left = Mutex(blocks)
        let error = failure {
            try run("ties", isInterrupted: { left.withLock { $0 -= 1; return $0 < 0 } })
        }
        #expect(error?.code == .interrupted)
        #expect(!exists(output))
        let again = try MergeRun(try MergeFixture.plan("ties"), to: output, options: MergeOptions())
        #expect(again.resumedBytes > 0 || blocks == 1)
        try again.run(pool: WorkerPool(threads: 2), progress: { _ in }, isInterrupted: { false })
        #expect(try Data(contentsOf: url(weights)) == whole)
        #expect(try names() == ["out", "whole"])
    }

    @Test("A journal whose last line is cut, and files of which one is missing, are taken for what they are")
    func damagedStage() throws {
        let left = Mutex(12)
        _ = failure { try run("ties", isInterrupted: { left.withLock { $0 -= 1; return $0 < 0 } }) }
        let stage = folder.place(".merging-out")
        let journal = try Data(contentsOf: url("\(stage)/.journal"))
        try journal.dropLast(1).write(to: url("\(stage)/.journal"))
        do {
            let going = try MergeRun(try MergeFixture.plan("ties"), to: output, options: MergeOptions())
            #expect(going.resumedBytes > 0)
        }
        try FileManager.default.removeItem(atPath: "\(stage)/model.safetensors")
        let fresh = try MergeRun(try MergeFixture.plan("ties"), to: output, options: MergeOptions())
        #expect(fresh.resumedBytes == 0)
        try fresh.run(pool: WorkerPool(threads: 1), progress: { _ in }, isInterrupted: { false })
        let whole = try MergeFixture.merge("ties", to: folder.place("whole"))
        #expect(try Data(contentsOf: url(weights)) == Data(contentsOf: url("\(whole)/model.safetensors")))
    }

    @Test("An unfinished run of another recipe is not taken up, and --restart deletes it")
    func otherRecipe() throws {
        let left = Mutex(12)
        _ = failure { try run("ties", isInterrupted: { left.withLock { $0 -= 1; return $0 < 0 } }) }
        let error = failure { try run("task") }
        #expect(error?.code == .exists)
        #expect(error?.message.contains("--restart") == true)
        var options = MergeOptions()
        options.restarts = true
        _ = try MergeFixture.merge("task", to: output, options: options)
        #expect(exists(weights))
    }

    @Test("Only a model that a merge wrote is replaced")
    func replacing() throws {
        try folder.write("dear", to: "out/letter.txt")
        var options = MergeOptions()
        options.replaces = true
        #expect(failure { try run("ties") }?.code == .exists)
        #expect(failure { _ = try MergeFixture.merge("ties", to: output, options: options) }?.code == .exists)
        #expect(try folder.text("out/letter.txt") == "dear")
        try FileManager.default.removeItem(atPath: output)
        _ = try MergeFixture.merge("ties", to: output)
        _ = try MergeFixture.merge("task", to: output, options: options)
        #expect(try folder.text("out/mergekit_config.yml").contains("task_arithmetic"))
        #expect(try names() == ["out"])
    }

    @Test("Two processes do not write one model at a time")
    func lock() throws {
        let first = try MergeRun(try MergeFixture.plan("ties"), to: output, options: MergeOptions())
        let error = failure { _ = try MergeRun(try MergeFixture.plan("ties"), to: output, options: MergeOptions()) }
        #expect(error?.message.contains("another process") == true)
        withExtendedLifetime(first) {}
    }

    @Test("A number that is not finite is told with its file, tensor and row, and nothing has the model's name")
    func notFinite() throws {
        let models = try copiedModels()
        let path = "\(models)/one/model.safetensors"
        var bytes = try Data(contentsOf: url(path))
        let file = try SafetensorsFile.open(path)
        let view = try #require(file.tensors["model.layers.1.mlp.up_proj.weight"])
        let start = try #require(offset(of: view, in: bytes))
        bytes.replaceSubrange(start + 4 * 19..<start + 4 * 20, with: [0, 0, 0xC0, 0x7F])
        try bytes.write(to: url(path))
        let plan = try MergeFixture.plan(try MergeRecipe.read("\(MergeFixture.folder)/merged/ties.yaml"), models: models)
        let error = failure {
            try MergeRun(plan, to: output, options: MergeOptions()).run(pool: WorkerPool(threads: 2), progress: { _ in }, isInterrupted: { false })
        }
        #expect(error?.code == .nonFinite)
        #expect(error?.tensor == "model.layers.1.mlp.up_proj.weight")
        #expect(error?.file == path)
        #expect(error?.message.contains("row 2") == true)
        #expect(try names().isEmpty, "nor is anything hidden left")
    }

    @Test("A source that changes while it is read is told, and nothing has the model's name")
    func changedSource() throws {
        let models = try copiedModels()
        let plan = try MergeFixture.plan(try MergeRecipe.read("\(MergeFixture.folder)/merged/ties.yaml"), models: models)
        let path = "\(models)/two/model.safetensors"
        let run = try MergeRun(plan, to: output, options: MergeOptions())
        let error = failure {
            try run.run(
                pool: WorkerPool(threads: 2),
                progress: { _ in try? FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSince1970: 1)], ofItemAtPath: path) },
                isInterrupted: { false })
        }
        #expect(error?.code == .changed)
        #expect(error?.file == path)
        #expect(!exists(output))
    }

    @Test("Small shards hold the tensors of one file, and the index names them")
    func shards() throws {
        var options = MergeOptions()
        options.shardBytes = 2_000
        _ = try MergeFixture.merge("ties", to: output, options: options)
        let whole = try SafetensorsFolder.open(try MergeFixture.merge("ties", to: folder.place("whole")))
        let shards = try SafetensorsFolder.open(output)
        #expect(shards.files.count > 3)
        #expect(shards.tensors.count == whole.tensors.count)
        for (name, view) in whole.tensors { #expect(try shards.tensor(name).floats() == view.floats()) }
    }

    @Test("Random methods give the same bytes for one seed and any number of threads, others for another seed")
    func seeds() throws {
        let text = try String(contentsOfFile: "\(MergeFixture.folder)/merged/ties.yaml", encoding: .utf8).replacingOccurrences(of: "merge_method: ties", with: "merge_method: dare_ties")
        func bytes(_ name: String, seed: UInt64, threads: Int) throws -> Data {
            var options = MergeOptions()
            options.seed = seed
            let plan = try MergeFixture.plan(try MergeFixture.recipe(text))
            try MergeRun(plan, to: folder.place(name), options: options).run(pool: WorkerPool(threads: threads), progress: { _ in }, isInterrupted: { false })
            return try Data(contentsOf: url(folder.place("\(name)/model.safetensors")))
        }
        let first = try bytes("a", seed: 7, threads: 1)
        #expect(try bytes("b", seed: 7, threads: 3) == first)
        #expect(try bytes("c", seed: 8, threads: 1) != first)
    }

    // MARK: Helpers

    private func run(_ name: String, isInterrupted: @escaping @Sendable () -> Bool = { false }) throws {
        try MergeRun(MergeFixture.plan(name), to: output, options: MergeOptions()).run(
            pool: WorkerPool(threads: 2), progress: { _ in }, isInterrupted: isInterrupted)
    }

    private func copiedModels() throws -> String {
        try FileManager.default.copyItem(atPath: "\(MergeFixture.folder)/models", toPath: folder.place("models"))
        return folder.place("models")
    }

    /// Where a tensor's bytes begin in a file.
    private func offset(of view: TensorView, in file: Data) -> Int? {
        view.withUnsafeBytes { bytes in file.range(of: Data(bytes))?.lowerBound }
    }

    private func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0 != "models" }.sorted() }
    private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }
    private func url(_ path: String) -> URL { URL(fileURLWithPath: path) }
}

/// The error that `body` throws; an issue is recorded when it throws none.
func failure(_ body: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation) -> MergeError? {
    do {
        try body()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
    } catch let error as MergeError {
        return error
    } catch {
        Issue.record("\(error)", sourceLocation: sourceLocation)
    }
    return nil
}
