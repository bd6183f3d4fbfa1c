import Foundation

/// Paths of the checkout that the tests were built from.
public enum Checkout {
    /// Without a slash at the end.
    public static let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// A fixture of the test target whose file calls this: `Fixtures/` beside that file.
    public static func fixture(_ name: String, of file: String = #filePath) -> String {
        URL(fileURLWithPath: file).deletingLastPathComponent().appendingPathComponent("Fixtures").appendingPathComponent(name).path
    }

    /// A file that `scripts/models` puts in place.
    public static func model(_ name: String) -> String { "\(path)/models/\(name)" }

    /// Continuous integration fetches the models first: there a test that needs them fails without them, and is not skipped.
    public static let isCI = ProcessInfo.processInfo.environment["CI"] != nil

    public static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }
}
