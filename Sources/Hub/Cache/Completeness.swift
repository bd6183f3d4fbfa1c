internal import Files
internal import JSON

/// Whether a snapshot has all that a choice needs to be opened: a fetch that was interrupted leaves some of its files.
struct Completeness {
    private let folder: String
    private let choice: FileChoice

    /// The index of a large model's shards; each tensor is a line.
    private static let indexBytes = 32 << 20

    init(folder: String, _ choice: FileChoice) {
        self.folder = folder
        self.choice = choice
    }

    var isComplete: Bool {
        get throws(HubError) {
            if case .file(let name) = choice.main { return choice.files.contains { $0.name == name } }
            let names = Set(choice.files.map(\.name))
            let (configuration, weights) = choice.isAdapter ? ("adapter_config.json", "adapter_model") : ("config.json", "model")
            if names.contains("adapters.safetensors"), choice.isAdapter { return names.contains(configuration) }
            guard names.contains(configuration), choice.isAdapter || names.contains("tokenizer.json") else { return false }
            if names.contains("\(weights).safetensors") { return true }
            let index = "\(weights).safetensors.index.json"
            guard names.contains(index) else { return false }
            return try shards(index).allSatisfy(names.contains)
        }
    }

    private func shards(_ index: String) throws(HubError) -> Set<String> {
        let bytes = try HubError.converting { () throws(FileError) in
            try RegularFile.contents("\(folder)/\(index)", limitBytes: Self.indexBytes)
        }
        do throws(JSONError) {
            let map = try JSONValue.parse(bytes, maxDepth: 8)["weight_map"]?.objectValue
            return Set((map ?? JSONObject()).compactMap { $0.value.stringValue })
        } catch {
            throw HubError(.malformed, "no valid index: \(error)", place: "\(folder)/\(index)")
        }
    }
}
