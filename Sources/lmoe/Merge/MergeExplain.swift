import ArgumentParser
import JSON
import MergeMethods
import Merging

/// `lmoe merge explain`: the values of a recipe after gradients and filters.
struct MergeExplain: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Print which values a recipe gives to tensors, after gradients and filters.",
        discussion: """
            EXAMPLES
              lmoe merge explain recipe.yaml
              lmoe merge explain recipe.yaml model.layers.3.mlp.up_proj.weight
              lmoe merge explain recipe.yaml mlp.down_proj --json

            A tensor is named whole or by a part of its name; without one, all are printed. Nothing of the weights is read.
            """)

    @Argument(help: "The recipe, a YAML file.") var recipe: String
    @Argument(help: "A tensor's name, or a part of it.") var tensor: String?
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")

    func run() throws {
        let recipe = try MergeRecipe.read(recipe)
        let places = MergePlaces()
        let plan = try MergePlan(recipe) { model throws(MergeError) in try places.open(model) }
        for warning in plan.warnings { Terminal.say("lmoe: \(recipe.file), \(warning)") }
        let tensors = plan.tensor(tensor ?? "").map { [$0] } ?? plan.tensors.filter { $0.name.contains(tensor ?? "") || tensor == nil }
        guard !tensors.isEmpty else {
            throw Failure(message: "no tensor of the result has \(tensor ?? "") in its name; its names are like \(plan.tensors.first?.name ?? "?")")
        }
        print(json ? JSONValue.array(tensors.map { document($0, plan) }).serialized(pretty: true) : tensors.map { text($0, plan) }.joined(separator: "\n\n"))
    }

    private func text(_ tensor: MergedTensor, _ plan: MergePlan) -> String {
        var lines = ["\(tensor.name)  \(tensor.shape) \(tensor.dtype.name)  \(work(tensor, plan))"]
        let names = plan.recipe.method.parameters.filter { $0.scope != .shared }.map(\.name)
        var table = Table(["  source", "tensor"] + names, leansRight: Set(2..<2 + names.count))
        for (index, input) in tensor.inputs.enumerated() {
            let name = "\(plan.sources[input.source].reference)\(index == tensor.base ? " (base)" : "")"
            table.add(["  \(name)", input.name] + names.map { input.values[$0].map { Figure.decimals($0, 4) } ?? "-" })
        }
        lines.append(table.text)
        let shared = plan.recipe.method.parameters.filter { $0.scope == .shared }.compactMap { parameter in
            tensor.shared[parameter.name].map { "\(parameter.name) \(parameter.kind == .flag ? ($0 == 0 ? "false" : "true") : Figure.decimals($0, 4))" }
        }
        if !shared.isEmpty { lines.append("  \(shared.joined(separator: ", "))") }
        return lines.joined(separator: "\n")
    }

    private func document(_ tensor: MergedTensor, _ plan: MergePlan) -> JSONValue {
        func values(_ values: MergeValues) -> JSONValue {
            .object(JSONObject(values.entries.sorted { $0.key < $1.key }.map { ($0.key, .number($0.value)) }))
        }
        return [
            "name": .string(tensor.name), "shape": .array(tensor.shape.map { .integer(Int64($0)) }), "dtype": .string(tensor.dtype.name),
            "work": .string(work(tensor, plan)), "shared": values(tensor.shared),
            "sources": .array(
                tensor.inputs.enumerated().map { index, input in
                    [
                        "model": .string("\(plan.sources[input.source].reference)"), "tensor": .string(input.name),
                        "is_base": .bool(index == tensor.base), "values": values(input.values),
                    ]
                }),
        ]
    }

    private func work(_ tensor: MergedTensor, _ plan: MergePlan) -> String {
        switch tensor.work {
        case .merge: plan.recipe.method.rawValue
        case .passThrough: "copied: the only model that has it"
        case .equal: "copied: integers"
        }
    }
}
