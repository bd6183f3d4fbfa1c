import Adapters
import ArgumentParser
import Gateway
import JSON

/// `lmoe adapters convert`: any supported form as a PEFT folder.
struct AdaptersConvert: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert", abstract: "Write an adapter as a PEFT folder of safetensors.",
        discussion: """
            EXAMPLES
              lmoe adapters convert ~/Downloads/sql-lora.gguf adapters/sql
              lmoe adapters convert ~/mlx/adapters adapters/poet
              lmoe adapters convert --to lora adapters/small-vera adapters/small-lora

            Reads LoRA files of llama.cpp, folders of mlx-lm (adapters.safetensors), and PEFT folders, also with names that PEFT \
            would not give (lora_down, lora_A.default, missing prefixes). The result has PEFT's names, what lay beside the \
            source (routing data, chat template), and the same effect; it was loaded before it gets its name. `--to lora` makes a \
            plain LoRA where one does exactly the same (rank-stabilised LoRA, VeRA). Nothing is overwritten. Pickles are for \
            scripts/convert-pickle.
            """)

    @OptionGroup var model: ModelOptions
    @Option(help: "`same` keeps the family, `lora` makes a plain LoRA of it.") var to = AdapterConversion.Target.same
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")
    @Argument(help: "A folder, or a .gguf file.") var source: String
    @Argument(help: "The folder to be made.") var target: String

    func run() throws {
        let workspace = try Workspace(model)
        let base = try workspace.configuration.openBaseWeights()
        let conversion = AdapterConversion(
            base: base.configuration, weights: base, limits: workspace.configuration.limits.adapters)
        let outcome = try conversion.convert(source, to: target, as: to)
        guard json else {
            let renamed = outcome.renamedCount > 0 && to == .same ? ", \(outcome.renamedCount) of them renamed" : ""
            return print(
                "made \(target) from \(outcome.form.rawValue): \(outcome.summary.family), \(outcome.tensorCount) tensors\(renamed), "
                    + "\(Figure.bytes(outcome.byteCount)); version \(outcome.version)")
        }
        let document: JSONValue = [
            "folder": .string(target), "form": .string(outcome.form.rawValue), "family": .string(outcome.summary.family),
            "tensors": .integer(Int64(outcome.tensorCount)), "renamed": .integer(Int64(outcome.renamedCount)),
            "bytes": .integer(Int64(outcome.byteCount)), "version": .string(outcome.version),
        ]
        print(document.serialized(pretty: true))
    }
}

extension AdapterConversion.Target: ExpressibleByArgument {}
