import Foundation

/// A folder that is removed with the value.
public final class TemporaryFolder: Sendable {
    public let path: String

    public var url: URL { URL(fileURLWithPath: path) }

    public init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("lmoe-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The path of a name inside; nothing is created.
    public func place(_ name: String) -> String { "\(path)/\(name)" }

    @discardableResult
    public func makeFolder(_ name: String) throws -> String {
        try FileManager.default.createDirectory(atPath: place(name), withIntermediateDirectories: true)
        return place(name)
    }

    /// Folders on the way are created.
    @discardableResult
    public func write(_ bytes: [UInt8], to name: String) throws -> String {
        let url = URL(fileURLWithPath: place(name))
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
        return url.path
    }

    @discardableResult
    public func write(_ text: String, to name: String) throws -> String { try write(Array(text.utf8), to: name) }

    public func read(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: place(name)))) }

    public func text(_ name: String) throws -> String { String(decoding: try read(name), as: UTF8.self) }

    public func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: place(name)) }

    public func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: place(name)) }

    /// A symbolic link `name` to `target`, which need not exist.
    public func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: place(name), withDestinationPath: target)
    }
}
