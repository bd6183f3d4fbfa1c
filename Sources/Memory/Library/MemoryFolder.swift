internal import Files
internal import Foundation
internal import JSON

/// The files of a memory: an adapter's configuration, the calibration in the place of weights, and the store.
public enum MemoryFolder {
    /// `peft_type` of the configuration.
    static let type = "MEMORY_STORE"
    static let configuration = "adapter_config.json"
    static let calibration = "adapter_model.safetensors"

    /// The calibration of a memory's folder.
    public static func calibrationPath(_ folder: String) -> String { "\(folder)/\(calibration)" }

    /// Whether a folder holds a memory, by its configuration alone. One that is no JSON is no memory's; `lmoe adapters check` says what is
    /// wrong with it. Errors: `unavailable` for a configuration that cannot be read: what it holds is not known.
    public static func isMemory(_ folder: String) throws(MemoryError) -> Bool {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try RegularFile("\(folder)/\(configuration)").contents(limitBytes: 1 << 20)
        } catch where [.notFound, .notRegular, .notAFolder].contains(error.code) {
            return false
        } catch {
            throw MemoryError(.unavailable, error.message, place: error.path)
        }
        do throws(JSONError) {
            return try JSONCursor(JSONValue.parse(bytes))["peft_type"].optionalString()?.uppercased() == type
        } catch {
            return false
        }
    }

    /// What a memory's configuration sets. Errors: `malformed`, `unavailable`.
    public static func settings(_ folder: String) throws(MemoryError) -> MemorySettings {
        let (path, document) = ("\(folder)/\(configuration)", try document(folder))
        do throws(JSONError) {
            return try MemorySettings(JSONCursor(document))
        } catch {
            throw MemoryError(.malformed, error.description, place: path)
        }
    }

    /// Writes settings into a memory's configuration, in one move; what else it says stays. A running service takes them up by itself.
    /// Errors: `invalid` settings, with their place in the configuration; `malformed`, `unavailable`.
    public static func write(_ settings: MemorySettings, to folder: String) throws(MemoryError) {
        let path = "\(folder)/\(configuration)"
        guard case .object(var document) = try document(folder) else {
            throw MemoryError(.malformed, "expected an object", place: path)
        }
        document["threshold"] = settings.threshold.map { .number(Double($0)) }
        let groups = settings.synonyms.groups
        document["synonyms"] = groups.isEmpty ? nil : .array(groups.map { .array($0.map(JSONValue.string)) })
        do throws(JSONError) {
            _ = try MemorySettings(JSONCursor(.object(document)))
        } catch {
            throw MemoryError(.invalid, error.message, place: error.path)
        }
        do {
            let text = JSONValue.object(document).serialized(pretty: true) + "\n"
            try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw MemoryError(.unavailable, error.localizedDescription, place: path)
        }
    }

    private static func document(_ folder: String) throws(MemoryError) -> JSONValue {
        let path = "\(folder)/\(configuration)"
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try RegularFile(path).contents(limitBytes: 1 << 20)
        } catch {
            throw MemoryError(.unavailable, error.message, place: error.path)
        }
        do throws(JSONError) {
            return try JSONValue.parse(bytes)
        } catch {
            throw MemoryError(.malformed, error.description, place: path)
        }
    }

    /// Makes a folder with an empty memory; it appears whole. Errors: `invalid` where something is there already, `unavailable`.
    ///
    /// - Parameters:
    ///   - encoder: `TextEmbedder.identity` and the length of its vectors.
    ///   - description: what the facts are about, for people.
    public static func create(
        _ folder: String, _ calibration: MemoryCalibration, encoder: (identity: String, dimension: Int), description: String
    ) throws(MemoryError) {
        let place = URL(fileURLWithPath: folder)
        guard !FileManager.default.fileExists(atPath: folder) else { throw MemoryError(.invalid, "already exists", place: folder) }
        let partial = place.deletingLastPathComponent().appendingPathComponent(".partial-\(place.lastPathComponent)").path
        let document: JSONValue = [
            "peft_type": .string(type), "version": 1, "base_model_name_or_path": .string(calibration.baseName),
            "base_identity": .string(calibration.baseIdentity), "encoder": .string(encoder.identity), "site": .integer(Int64(calibration.site)),
        ]
        do {
            // Of a run that was killed: nothing of it may become part of this memory.
            if FileManager.default.fileExists(atPath: partial) { try FileManager.default.removeItem(atPath: partial) }
            try FileManager.default.createDirectory(atPath: partial, withIntermediateDirectories: true)
            try Data((document.serialized(pretty: true) + "\n").utf8).write(to: URL(fileURLWithPath: "\(partial)/\(configuration)"))
            let route = """
                # Requests ask a memory by its name, beside whatever answers; the router does not choose it.
                enabled: false
                description: \(JSONValue.string(description).serialized())

                """
            try Data(route.utf8).write(to: URL(fileURLWithPath: "\(partial)/route.yaml"))
        } catch {
            throw MemoryError(.unavailable, error.localizedDescription, place: partial)
        }
        try calibration.write(to: "\(partial)/\(Self.calibration)")
        let identity = StoreIdentity(
            base: calibration.baseIdentity, encoder: encoder.identity, site: calibration.site, hidden: calibration.hidden,
            dimension: encoder.dimension)
        // The store's lock is free again when it is renamed.
        do { _ = try MemoryStore(partial, identity: identity) }
        do {
            try FileManager.default.moveItem(atPath: partial, toPath: folder)
        } catch {
            throw MemoryError(.unavailable, error.localizedDescription, place: folder)
        }
    }
}
