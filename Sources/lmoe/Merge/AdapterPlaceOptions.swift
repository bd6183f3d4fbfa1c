import ArgumentParser
import Foundation

/// Where a command puts an adapter that it makes.
struct AdapterPlaceOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The folder to be made, in place of one of the name in the adapters folder.", valueName: "folder"))
    var out: String?
    @Flag(help: "Replace an adapter's folder of that name, in one step.") var replace = false

    func folder(_ name: String, in adapters: String) -> String { out ?? "\(adapters)/\(name)" }

    /// Before anything is computed. Errors: a failure where the name is taken.
    func check(_ folder: String) throws {
        guard !replace, FileManager.default.fileExists(atPath: folder) else { return }
        throw Failure(message: "\(folder): it already exists: choose another name, or use --replace")
    }
}
