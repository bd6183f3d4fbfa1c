import ArgumentParser
import Foundation
import Gateway
import JSON
import MergeMethods
import Merging
import Models
import Tensors

/// `lmoe bake`: an adapter into the weights of a model of its own.
struct Bake: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the base with an adapter in its weights, as a model of its own.",
        discussion: """
            EXAMPLES
              lmoe bake sql models/sql.gguf
              lmoe bake sql models/sql.gguf --type f16 --check
              lmoe bake ~/adapters/sql ~/models/sql --base ~/models/base --type bf16

            A GGUF file becomes a GGUF file, a Hugging Face folder a folder of safetensors. Any adapter whose effect is a change of \
            weights can be baked: LoRA and its relatives, DoRA, IA3, VeRA, norms, trained tokens, whole modules. Mixtures, activated \
            LoRAs and memories cannot, and are refused with the reason. Tensors that the adapter leaves alone keep their bytes; \
            changed ones of coarser types become q8_0 unless --type says otherwise. With --check the result is read again and \
            compared: "rounding" is what the type loses of the change.
            """)

    @OptionGroup var model: ModelOptions
    @Option(.adapters) var adapters: String?
    @Option(
        help: ArgumentHelp("Of matrices: \(DType.allCases.filter(\.isEncodable).map(\.name).joined(separator: ", ")). (default: see above)", valueName: "name"))
    var type: String?
    @Flag(help: "Read the result again and compare it.") var check = false
    @Flag(help: "Replace a model of that name that was baked.") var replace = false
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")
    @Argument(help: "The adapter's name or folder.") var adapter: String
    @Argument(help: "The model to be made: a .gguf file, or a folder.") var out: String

    func run() throws {
        let dtype = try type.map { name in
            guard let dtype = DType(rawValue: name), dtype.isEncodable else {
                throw Failure.usage("--type \(name): known are \(DType.allCases.filter(\.isEncodable).map(\.name).joined(separator: ", "))")
            }
            return dtype
        }
        let workspace = try Workspace(model, flags: adapters.map { [.adapters: $0] } ?? [:])
        let (name, folder) = try AdapterFolders(workspace).find(adapter)
        let adapted = try AdaptedTensors(ModelFiles.open(workspace.configuration.base), adapter: folder)
        var bar = ProgressBar("baking", total: 100)
        let report = try ModelBake(dtype: dtype, replaces: replace, isChecked: check).write(adapted, adapter: name, to: out) { done, total in
            bar.advance(to: done * 100 / max(total, 1))
        }
        if adapted.hasPrompting { Terminal.say("lmoe: \(name) has a chat template or special tokens of its own, which the model has not") }
        print(json ? document(report).serialized(pretty: true) : text(report))
    }

    private func text(_ report: ModelBake.Report) -> String {
        let types = report.types.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        var lines = ["made \(out): \(report.tensorCount) tensors (\(types)), of which the adapter changes \(report.changedCount); \(Figure.bytes(report.byteCount))"]
        if let check = report.check {
            let percent = check.change > 0 ? 100 * check.rounding / check.change : 0
            lines.append(
                "checked: the largest difference is \(check.largest), in \(check.tensor.isEmpty ? "none" : check.tensor); rounding is \(Figure.decimals(percent, 2)) % of the change"
            )
        }
        return lines.joined(separator: "\n")
    }

    private func document(_ report: ModelBake.Report) -> JSONValue {
        let check: JSONValue =
            report.check.map { check in
                [
                    "largest": .number(Double(check.largest)), "tensor": .string(check.tensor), "change": .number(check.change),
                    "rounding": .number(check.rounding),
                ]
            } ?? .null
        return [
            "model": .string(out), "tensors": .integer(Int64(report.tensorCount)), "changed": .integer(Int64(report.changedCount)),
            "bytes": .integer(Int64(report.byteCount)),
            "types": .object(JSONObject(report.types.sorted { $0.key < $1.key }.map { ($0.key, .integer(Int64($0.value))) })), "check": check,
        ]
    }
}
