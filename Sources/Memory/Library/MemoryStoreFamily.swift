public import Adapters
internal import JSON
internal import Models

/// Memories that are told facts while they serve, as adapters: `model` names one, or a request names it beside another adapter.
///
/// Its folder has the calibration of the base where others have weights. What it adds is looked up for each request; what is looked up
/// changes with the facts, and its version does not.
public struct MemoryStoreFamily: AdapterFamily {
    public static let name = "memory_store"
    public var name: String { Self.name }
    private let library: MemoryLibrary

    public init(_ library: MemoryLibrary) { self.library = library }

    public func recognises(_ manifest: AdapterManifest) -> Bool { manifest.peftType == MemoryFolder.type }

    public func plan(
        _ content: AdapterContent, for base: BaseModules, limits: AdapterLimits, problems: inout AdapterProblems
    ) -> (any AdapterPlan)? {
        let document = JSONCursor(.object(content.manifest.document))
        do throws(JSONError) {
            let version = try document["version"].int()
            guard version == 1 else { throw document["version"].invalid("expected 1, found \(version)") }
            let identity = try document["base_identity"].string()
            guard identity == library.baseIdentity else {
                throw document["base_identity"].invalid(
                    "the memory was written for another base (\(identity)); this one is \(library.baseIdentity): tell it again with `lmoe memory export` and `lmoe remember --file`")
            }
            let site = try document["site"].int(in: 0...library.configuration.layers - 1)
            let settings = try MemorySettings(document)
            return MemoryStorePlan(
                library: library, folder: content.folder, site: site, encoder: try document["encoder"].string(), settings: settings,
                baseName: content.manifest.baseModelName)
        } catch {
            problems.note(AdapterError(.malformed, error.message, file: MemoryFolder.configuration, key: error.path))
            return nil
        }
    }
}

/// A memory that would load.
private struct MemoryStorePlan: AdapterPlan {
    let library: MemoryLibrary
    let folder: String
    let site: Int
    let encoder: String
    let settings: MemorySettings
    let baseName: String?

    var summary: AdapterSummary {
        AdapterSummary(family: MemoryStoreFamily.name, targets: ["mlp"], patchCount: 1, baseModelName: baseName)
    }

    /// Facts are read from mapped files.
    func byteCount(element: LowRank.Element) -> Int { 0 }

    /// Empty: the whole effect is looked up for each request.
    func delta(element: LowRank.Element, elements: AdapterElements, problems: inout AdapterProblems) -> AdapterDelta? {
        AdapterDelta(layers: library.configuration.layers)
    }

    func retrieval(_ elements: AdapterElements, problems: inout AdapterProblems) -> (any DeltaRetrieval)? {
        problems.noting { () throws(AdapterError) in
            do throws(MemoryError) {
                let memory = try library.memory(at: folder)
                // It may be open already, with a configuration that has changed since.
                memory.use(settings)
                return memory
            } catch {
                throw AdapterError(error)
            }
        }
    }

    func effects() -> [AdapterEffect] { [] }
}

extension AdapterError {
    init(_ error: MemoryError) {
        let code: Code =
            switch error.code {
            case .unavailable, .full: .unavailable
            case .malformed, .invalid: .malformed
            default: .unsupported
            }
        self.init(code, error.description)
    }
}
