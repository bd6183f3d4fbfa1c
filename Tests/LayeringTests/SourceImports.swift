import Foundation

/// One `import` line of a source file.
struct SourceImport: CustomStringConvertible {
    /// The folder of `Sources/` that the file is in.
    var module: String
    var imported: String
    /// `public`, `internal` …; empty when nothing is written.
    var access: String
    var file: String

    var description: String { "\(file): \(access) import \(imported)" }

    /// Of all Swift files in `Sources/`.
    static func all(root: URL) throws -> [SourceImport] {
        let sources = root.appending(path: "Sources")
        var imports: [SourceImport] = []
        for path in try FileManager.default.subpathsOfDirectory(atPath: sources.path) where path.hasSuffix(".swift") {
            let text = try String(contentsOf: sources.appending(path: path), encoding: .utf8)
            let module = String(path.prefix { $0 != "/" })
            for line in text.split(separator: "\n") {
                if let found = parse(line) {
                    imports.append(SourceImport(module: module, imported: found.name, access: found.access, file: path))
                }
            }
        }
        return imports
    }

    /// `@preconcurrency public import struct Foundation.URL` names `Foundation`; nil for any other line.
    static func parse(_ line: Substring) -> (name: String, access: String)? {
        let pattern =
            /^(?:@\w+(?:\([^)]*\))?\s+)*(?:(public|package|internal|fileprivate|private)\s+)?import\s+(?:(?:struct|class|enum|protocol|typealias|func|let|var)\s+)?(\w+)/
        guard let match = line.firstMatch(of: pattern) else { return nil }
        return (String(match.2), match.1.map(String.init) ?? "")
    }
}
