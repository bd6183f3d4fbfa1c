internal import Adapters
internal import JSON
internal import MergeMethods
internal import Models
internal import Tensors
internal import Weights

/// Writes a merged or extracted LoRA as a folder that serves and that peft loads.
///
/// It is written under a hidden name beside its place, loaded as serving loads it, and renamed: a reader sees the old folder or the whole new
/// one. On an error everything is as it was.
struct LoRAFolder {
    /// Beside configuration and weights, by name.
    var texts: [(name: String, text: String)]
    var replaces: Bool
    var base: BaseWeights

    /// - Parameter folder: its last component is the adapter's name. Errors: `exists`, `invalidRecipe` for a name that no adapter has,
    ///   `unwritable`. Result: bytes of the weights.
    func write(_ merged: MergedLoRA, to folder: String) throws(MergeError) -> Int {
        let tensors = try tensors(merged)
        let staged = try MergeError.staging { () throws(AdapterError) in try StagedFolder(folder, replaces: replaces) }
        do throws(MergeError) {
            let configuration = JSONValue.object(document(merged)).serialized(pretty: true) + "\n"
            for (name, text) in [("adapter_config.json", configuration)] + texts {
                try MergeError.staging { () throws(AdapterError) in try staged.write(text, to: name) }
            }
            let weights = "adapter_model.safetensors"
            do throws(WeightsError) {
                try SafetensorsWriter.write(tensors, metadata: ["format": "pt"], to: "\(staged.path)/\(weights)")
            } catch {
                throw MergeError(.unwritable, error.message, file: "\(staged.target)/\(weights)")
            }
            do throws(AdapterError) {
                try AdapterLoader.check(folder: staged.path, base: base.configuration, weights: base)
            } catch {
                throw MergeError(.malformed, "the folder that was written would not be served: \(error)", file: staged.target)
            }
            try MergeError.staging { () throws(AdapterError) in try staged.commit(replaces: replaces) }
        } catch {
            staged.discard()
            throw error
        }
        return tensors.reduce(0) { $0 + $1.byteCount }
    }

    private func document(_ merged: MergedLoRA) -> JSONObject {
        let modules = merged.modules.map { LoRADocument.Module(path: $0.path, rank: $0.rank, alpha: Double($0.rank)) }
        var document = LoRADocument(
            modules: modules, baseModelName: merged.baseName ?? base.configuration.name, hasBias: merged.modules.contains { $0.bias != nil },
            saved: merged.saved.map(\.path)
        ).json
        document["target_modules"] = .array(targets(merged).map(JSONValue.string))
        return JSONObject(document.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }

    /// A projection that is changed in all layers by its short name, others by their paths.
    private func targets(_ merged: MergedLoRA) -> [String] {
        let byName = Dictionary(grouping: merged.modules.map(\.path)) { String($0.split(separator: ".").last ?? "") }
        return byName.sorted { $0.key < $1.key }.flatMap { name, paths in
            paths.count == base.configuration.layers ? [name] : paths.sorted()
        }
    }

    private func tensors(_ merged: MergedLoRA) throws(MergeError) -> [TensorView] {
        let hasBias = merged.modules.contains { $0.bias != nil }
        var tensors: [TensorView] = []
        for module in merged.modules {
            let (pair, prefix) = (module.pair, "base_model.model.\(module.path)")
            var b = [Float](repeating: 0, count: pair.b.count)
            for place in 0..<pair.rank {
                for row in 0..<pair.outputs { b[row * pair.rank + place] = pair.b[place * pair.outputs + row] }
            }
            tensors.append(try Self.view("\(prefix).lora_A.weight", [pair.rank, pair.inputs], pair.a))
            tensors.append(try Self.view("\(prefix).lora_B.weight", [pair.outputs, pair.rank], b))
            guard hasBias else { continue }
            tensors.append(try Self.view("\(prefix).lora_B.bias", [pair.outputs], module.bias ?? [Float](repeating: 0, count: pair.outputs)))
        }
        for saved in merged.saved {
            let name = "base_model.model.\(saved.path).weight"
            guard let view = TensorView(name: name, shape: saved.shape, buffer: saved.values) else {
                preconditionFailure("\(name) has another number of elements than \(saved.shape)")
            }
            tensors.append(view)
        }
        return tensors
    }

    private static func view(_ name: String, _ shape: [Int], _ values: [Float]) throws(MergeError) -> TensorView {
        guard values.allSatisfy(\.isFinite) else {
            throw MergeError(.nonFinite, "an element is NaN or infinite: nothing is written", tensor: name)
        }
        guard let view = values.withUnsafeBytes({ TensorView(name: name, dtype: .f32, shape: shape, copying: $0) }) else {
            preconditionFailure("\(name) has \(values.count) elements, expected \(shape)")
        }
        return view
    }
}

extension MergeError {
    /// What `body` gives, which writes files.
    fileprivate static func staging<Value>(_ body: () throws(AdapterError) -> Value) throws(MergeError) -> Value {
        do throws(AdapterError) {
            return try body()
        } catch {
            let code: Code =
                switch error.code {
                case .exists: .exists
                case .invalidName: .invalidRecipe
                default: .unwritable
                }
            throw MergeError(code, error.message, file: error.file)
        }
    }
}
