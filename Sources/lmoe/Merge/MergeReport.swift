import Foundation
import JSON
import Merging
import Tensors

/// What a merge will do, or did, for people and for machines.
struct MergeReport {
    private let plan: MergePlan
    private let output: String?

    init(_ plan: MergePlan, output: String?) {
        self.plan = plan
        self.output = output
    }

    func text(_ trial: MergeTrial) -> String {
        var lines: [String] = []
        var models = Table(["model", "layers", "tensors", "role"], leansRight: [1, 2])
        for (index, source) in plan.sources.enumerated() {
            models.add("\(source.reference)", "\(source.layers)", "\(source.tensors.count)", role(index))
        }
        lines.append(models.text)
        lines.append("")
        let types = Dictionary(grouping: plan.tensors, by: \.dtype.name).mapValues(\.count).sorted { $0.key < $1.key }
        lines.append("method      \(plan.recipe.method.rawValue)")
        lines.append("result      \(plan.layers) layers, \(plan.tensors.count) tensors (\(types.map { "\($0.value) \($0.key)" }.joined(separator: ", "))), \(Figure.bytes(plan.byteCount))")
        lines.append("tokenizer   \(tokenizer)")
        lines.append("disk        \(Figure.bytes(plan.byteCount)) needed\(free.map { ", \(Figure.bytes($0)) free" } ?? "")")
        lines.append("memory      about \(Figure.bytes(trial.memoryBytes))")
        lines.append("time        about \(TunePace.text(trial.seconds)), by a trial of \(trial.tensor)")
        return lines.joined(separator: "\n")
    }

    func text(written output: String, bytes: Int, seconds: Double) -> String {
        "made \(output): \(plan.layers) layers, \(plan.tensors.count) tensors, \(Figure.bytes(bytes)) in \(TunePace.text(seconds))"
    }

    func document(_ trial: MergeTrial) -> JSONValue {
        var members = shared
        members["disk_free_bytes"] = free.map { .integer(Int64($0)) } ?? .null
        members["memory_bytes"] = .integer(Int64(trial.memoryBytes))
        members["seconds"] = .number(trial.seconds)
        return .object(members)
    }

    func document(written output: String, bytes: Int, seconds: Double) -> JSONValue {
        var members = shared
        members["bytes"] = .integer(Int64(bytes))
        members["output"] = .string(output)
        members["seconds"] = .number(seconds)
        return .object(members)
    }

    private var shared: JSONObject {
        [
            "recipe": .string(plan.recipe.file), "method": .string(plan.recipe.method.rawValue),
            "models": .array(
                plan.sources.enumerated().map { index, source in
                    [
                        "model": .string("\(source.reference)"), "layers": .integer(Int64(source.layers)),
                        "tensors": .integer(Int64(source.tensors.count)), "role": .string(role(index)),
                    ]
                }), "layers": .integer(Int64(plan.layers)), "tensors": .integer(Int64(plan.tensors.count)),
            "bytes": .integer(Int64(plan.byteCount)), "tokenizer": .string(tokenizer),
            "warnings": .array(plan.warnings.map { ["line": .integer(Int64($0.line)), "message": .string($0.message)] }),
        ]
    }

    private func role(_ index: Int) -> String {
        let source = plan.sources[index]
        var roles: [String] = []
        if source.reference == plan.recipe.baseModel { roles.append("base") }
        if index == plan.donor { roles.append("gives config.json") }
        return roles.joined(separator: ", ")
    }

    private var tokenizer: String {
        let donor = plan.sources[plan.vocabulary?.donor ?? plan.donor].reference
        guard let vocabulary = plan.vocabulary else { return "that of \(donor), as it is" }
        let rows = vocabulary.isShared ? "all models have it" : "rows are moved to \(vocabulary.rows)"
        return "\(vocabulary.document == nil ? "that of" : "that of \(donor) with the others' tokens, on") \(donor); \(rows)"
    }

    /// Free bytes on the file system of the result; nil where the system does not tell, and the line leaves them out.
    private var free: Int? {
        guard let output else { return nil }
        let parent = URL(fileURLWithPath: output).deletingLastPathComponent().path
        let attributes = try? FileManager.default.attributesOfFileSystem(forPath: parent)
        return (attributes?[.systemFreeSize] as? NSNumber)?.intValue
    }
}
