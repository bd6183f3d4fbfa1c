import ArgumentParser
import Tuning

/// Which rows of a file are scored, and how they are read.
struct RowOptions: ParsableArguments {
    @Option(
        name: .customLong("fields"),
        help: ArgumentHelp("Other names of fields, such as prompt=question,completion=answer.", valueName: "pairs"))
    var givenFields: String?
    @Option(name: .customLong("query"), help: ArgumentHelp("The rows of a SQLite file: one query that reads.", valueName: "query"))
    var givenQuery: String?
    @Option(name: .customLong("system"), help: ArgumentHelp("A system message for rows without one.", valueName: "text"))
    var givenSystem: String?
    @Option(name: .customLong("limit"), help: ArgumentHelp("Score so many rows, drawn by the seed. (default: all)", valueName: "rows"))
    var givenLimit: Int?
    @Flag(help: "Leave out rows that cannot be read.") var skipBroken = Variables.flag("skip-broken")

    var system: String? { givenSystem ?? Variables.text("system") }
    var limit: Int? { givenLimit ?? Variables.integer("limit") }

    func validate() throws {
        guard limit.map({ $0 > 0 }) ?? true else { throw ValidationError("--limit is 1 or more.") }
    }

    /// Errors: usage for wrong names of fields; those of the file; of its first broken row, unless such rows are left out.
    func read(_ file: String) throws -> DataFile {
        var texts = SettingTexts()
        if let fields = givenFields ?? Variables.text("fields") { texts.entries[.fields] = .init(fields, place: "--fields") }
        let names: [String: String]
        do throws(TuningError) {
            names = try TaskPlan.fieldNames(texts)
        } catch {
            throw Failure.usage("\(error)")
        }
        let reader = DataFileReader(fieldNames: names)
        let query = givenQuery ?? Variables.text("query")
        let data = if let query { try reader.read(file, query: query) } else { try reader.read(file) }
        if !skipBroken { try data.requireWhole() }
        return data
    }
}
