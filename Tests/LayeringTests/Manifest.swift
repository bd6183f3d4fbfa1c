import Foundation

/// The targets of the package and what they depend on inside it, as `swift package dump-package` says.
struct Manifest {
    struct Target {
        var name: String
        var isTest: Bool
        /// Of this package; products of others are left out.
        var dependencies: [String]
        /// In the package.
        var path: String

        private var files: [URL] {
            get throws {
                let folder = Manifest.root.appending(path: path)
                return try FileManager.default.subpathsOfDirectory(atPath: folder.path).map { folder.appending(path: $0) }
            }
        }

        var hasSources: Bool {
            get throws { try files.contains { ["swift", "c", "modulemap"].contains($0.pathExtension) } }
        }

        var hasTests: Bool {
            get throws {
                try files.contains { file in
                    try file.pathExtension == "swift" && String(contentsOf: file, encoding: .utf8).contains("@Test")
                }
            }
        }
    }

    var targets: [Target] = []

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Runs in a build folder and a manifest cache of its own: `swift test` holds the lock of the package's.
    static func dumped() throws -> Manifest {
        let scratch = URL.temporaryDirectory.appending(path: "layering-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: scratch) }
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "swift", "package", "--package-path", root.path, "--scratch-path", scratch.path, "--manifest-cache", "none",
            "dump-package",
        ]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
        return try Manifest(JSONSerialization.jsonObject(with: data))
    }

    private init(_ document: Any) throws {
        guard let targets = (document as? [String: Any])?["targets"] as? [[String: Any]] else {
            throw CocoaError(.coderReadCorrupt)
        }
        for target in targets {
            guard let name = target["name"] as? String, let type = target["type"] as? String else {
                throw CocoaError(.coderReadCorrupt)
            }
            let dependencies = (target["dependencies"] as? [[String: Any]] ?? []).compactMap { dependency in
                (dependency["byName"] ?? dependency["target"]).flatMap { ($0 as? [Any])?.first as? String }
            }
            guard let path = target["path"] as? String else { throw CocoaError(.coderReadCorrupt) }
            self.targets.append(Target(name: name, isTest: type == "test", dependencies: dependencies, path: path))
        }
    }

    /// The folders of `Sources` and of `Tests`.
    static func folders() throws -> [(parent: String, names: [String])] {
        try ["Sources", "Tests"].map { parent in
            let entries = try FileManager.default.contentsOfDirectory(
                at: root.appending(path: parent), includingPropertiesForKeys: [.isDirectoryKey], options: .skipsHiddenFiles)
            return (parent, entries.filter { $0.hasDirectoryPath }.map(\.lastPathComponent))
        }
    }

    /// Everything below a target.
    func closure(of name: String) -> Set<String> {
        var found: Set<String> = []
        var open = [name]
        while let next = open.popLast() {
            for dependency in targets.first(where: { $0.name == next })?.dependencies ?? []
            where found.insert(dependency).inserted {
                open.append(dependency)
            }
        }
        return found
    }
}
