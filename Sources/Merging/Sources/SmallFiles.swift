internal import Files
internal import JSON
internal import MergeMethods

/// The small files beside a model's weights.
struct SmallFiles: Sendable {
    /// The largest tokenizers take some 35 MB.
    static let limitBytes = 160 << 20

    /// Where they lie, or the model's file.
    let place: String
    /// Contents by name, where they are made of the metadata of a GGUF file; nil: they lie in the folder.
    private let made: [String: [UInt8]]?

    init(folder: String) { (place, made) = (folder, nil) }

    init(of file: String, made: [String: [UInt8]]) { (place, self.made) = (file, made) }

    /// Nil when there is no such file. Errors: `malformed`.
    func json(_ name: String) throws(MergeError) -> JSONValue? {
        guard let bytes = try bytes(name) else { return nil }
        do throws(JSONError) {
            return try JSONValue.parse(bytes)
        } catch {
            throw MergeError(.malformed, error.description, file: "\(place)/\(name)")
        }
    }

    /// Nil when there is no such file. Errors: `malformed` for a file that is too large, or none that can be read.
    func bytes(_ name: String) throws(MergeError) -> [UInt8]? {
        if let made { return made[name] }
        do throws(FileError) {
            guard try FileStatus.of("\(place)/\(name)") != nil else { return nil }
            return try RegularFile.contents("\(place)/\(name)", limitBytes: Self.limitBytes)
        } catch {
            throw MergeError(.malformed, error.message, file: error.path)
        }
    }
}
