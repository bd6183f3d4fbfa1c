internal import Tensors
internal import Weights

/// The metadata of a LoRA file of llama.cpp, checked.
struct GGUFAdapterHeader: Sendable {
    let file: GGUFFile
    let architecture: String
    /// The factor before `B A` is `alpha / rank`; 0, or none: it is 1.
    let alpha: Double
    let baseModelName: String?
    /// aLoRA's; empty: a LoRA for every token.
    let invocation: [Int]

    /// The file is opened again with more bytes until the header ends in what was read.
    private static let firstBytes = 256 << 10

    private enum Key {
        static let alpha = "adapter.lora.alpha"
        static let invocation = "adapter.alora.invocation_tokens"
        /// Read above, or information only: llama.cpp's answers do not depend on those either.
        static let informative: Set<String> = ["adapter.type", alpha, invocation, "adapter.lora.task_name", "adapter.lora.prompt_prefix"]
    }

    /// Errors: `notReady` for a file that ends too early, `malformed`, `unsupported`, `limitExceeded`, `io`.
    init(_ adapterFile: AdapterFile, limits: AdapterLimits) throws(AdapterError) {
        guard adapterFile.size <= limits.weightsBytes else {
            throw AdapterError(
                .limitExceeded, "\(adapterFile.size) bytes; at most \(limits.weightsBytes) are read", file: adapterFile.name)
        }
        let file = try Self.open(adapterFile, limits: limits)
        self.file = file
        let metadata = file.metadata
        (architecture, alpha, baseModelName, invocation) = try AdapterError.converting(file: adapterFile.name) { () throws(WeightsError) in
            try Self.checkKind(metadata)
            let architecture = try metadata.architecture
            try Self.checkKeys(metadata, architecture)
            return (architecture, try metadata.optionalDouble(Key.alpha) ?? 0, try Self.baseModelName(metadata),
                try metadata.optionalInts(Key.invocation) ?? [])
        }
    }

    private static func checkKind(_ metadata: GGUFMetadata) throws(WeightsError) {
        let kind = try metadata.optionalString("general.type") ?? "model"
        guard kind == "adapter" else {
            throw refused(
                "general.type", "\(quoted(kind)); expected an adapter, as llama.cpp's convert_lora_to_gguf.py writes it", metadata)
        }
        let type = try metadata.string("adapter.type")
        guard type == "lora" else { throw refused("adapter.type", "\(quoted(type)); only lora is served from GGUF files", metadata) }
    }

    private static func checkKeys(_ metadata: GGUFMetadata, _ architecture: String) throws(WeightsError) {
        if let parts = try metadata.optionalInt("split.count"), parts > 1 {
            throw refused("split.count", "one of \(parts) parts; join them with llama-gguf-split --merge", metadata)
        }
        let prefixes = ["general.", "tokenizer.", "split.", "\(architecture)."]
        for key in metadata.keys where !Key.informative.contains(key) && !prefixes.contains(where: key.hasPrefix) {
            throw refused(
                quoted(key), "an unknown key, which may change what the adapter answers; if it does not, remove it", metadata)
        }
    }

    private static func baseModelName(_ metadata: GGUFMetadata) throws(WeightsError) -> String? {
        if let address = try metadata.optionalString("general.base_model.0.repo_url") {
            // The name that PEFT writes is the end of the address.
            return address.split(separator: "/").suffix(2).joined(separator: "/")
        }
        return try metadata.optionalString("general.base_model.0.name")
    }

    private static func refused(_ key: String, _ message: String, _ metadata: GGUFMetadata) -> WeightsError {
        var error = metadata.invalid(key, message)
        error.code = .unsupported
        return error
    }

    /// The header has no length of its own: a part of the file is read, and more when it goes on behind that.
    private static func open(_ file: AdapterFile, limits: AdapterLimits) throws(AdapterError) -> GGUFFile {
        let most = min(file.size, limits.headerBytes)
        var count = min(most, firstBytes)
        while true {
            let copy = try file.copy(first: count)
            do throws(WeightsError) {
                return try GGUFFile.open(
                    copy,
                    limits: GGUFLimits(
                        keys: 4096, stringBytes: limits.templateBytes, arrayElements: 1 << 20, headerBytes: count))
            } catch {
                guard error.code == .limitExceeded, count < most else { throw AdapterError(error, file: file.name) }
            }
            count = min(most, count * 16)
        }
    }
}
