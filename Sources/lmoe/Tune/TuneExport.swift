import Foundation
import Gateway
import Tuning

/// `--export peft DIR`: a task as a folder that another program tunes, in place of a run.
struct TuneExport {
    private let folder: String

    /// Nil: no export is wanted. Throws a usage error for other words than a known format and a folder.
    init?(_ words: [String]) throws {
        if words.isEmpty { return nil }
        guard words.count == 2, words[0] == "peft" else {
            throw Failure.usage("--export is followed by `peft` and the folder to write, found `\(words.joined(separator: " "))`")
        }
        folder = words[1]
    }

    /// One task is written as the folder, several as folders in it.
    func write(_ tasks: [PreparedTask], _ base: TuningBase, vocabulary: Int, _ configuration: ServiceConfiguration) throws {
        for task in tasks {
            do throws(TuningError) {
                let record = task.record(base.identity, TuningHistory(task: task.plan.name))
                let files = PEFTJob.Base(
                    base.identity, path: URL(fileURLWithPath: configuration.base).path, vocabulary: vocabulary)
                let job = try PEFTJob(
                    task.plan.name, base: files, settings: task.settings, data: task.data, description: record.description,
                    requests: record.examples, start: task.plan.start.map { URL(fileURLWithPath: $0).path }, tokenizer: base.tokenizer)
                let own = tasks.count == 1 ? folder : "\(folder)/\(task.plan.name)"
                try job.write(to: own)
                Terminal.say("wrote \(own): `python train.py` in it tunes \(task.plan.name), with what its README.md says to install")
            } catch {
                throw Failure(message: "\(task.plan.name): \(task.plan.texts.placed(error))", status: error.code == .io ? .failed : .usage)
            }
        }
    }
}
