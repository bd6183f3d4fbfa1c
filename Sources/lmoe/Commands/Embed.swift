import ArgumentParser
import JSON

/// `lmoe embed`: the encoder's vectors.
struct Embed: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the encoder's vector of each line of standard input.",
        discussion: """
            EXAMPLES
              echo "how many rivers run through texas" | lmoe embed
              lmoe embed --json < sentences.txt > vectors.json
              lmoe embed --reference < sentences.txt

            Each vector has length 1. With --json all come in one document: {"model", "dimension", "embeddings"}.
            """)

    @OptionGroup var model: ModelOptions
    @Flag(help: "Compute in f32 instead of the fast path.") var reference = Variables.flag("reference")
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")

    func run() throws {
        let workspace = try Workspace(model, flags: reference ? [.precision: "reference"] : [:])
        guard let embedder = try workspace.configuration.openEmbedder(workspace.pool) else {
            throw Failure.usage("there is no encoder: --encoder")
        }
        let lines = try Terminal.lines()
        var rows: [JSONValue] = []
        for start in stride(from: 0, to: lines.count, by: 64) {
            let texts = Array(lines[start..<min(start + 64, lines.count)])
            let vectors = try embedder.embed(texts).vectors
            for row in texts.indices {
                let vector = vectors[row * embedder.dimension..<(row + 1) * embedder.dimension]
                if json {
                    rows.append(.array(vector.map { .number(Double($0.description) ?? 0) }))
                } else {
                    print(vector.map(\.description).joined(separator: " "))
                }
            }
        }
        guard json else { return }
        let document: JSONValue = [
            "model": .string(embedder.name), "dimension": .integer(Int64(embedder.dimension)), "embeddings": .array(rows),
        ]
        print(document.serialized())
    }
}
