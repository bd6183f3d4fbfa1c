import ArgumentParser
import Hub

/// `lmoe pull`: a model or an adapter out of a hub, into the cache that Hugging Face's own client has.
struct Pull: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Fetch a model or an adapter from a hub.",
        discussion: """
            EXAMPLES
              lmoe pull hf:HuggingFaceTB/SmolLM2-360M-Instruct
              lmoe pull hf:bartowski/SmolLM2-360M-Instruct-GGUF:Q4_K_M
              lmoe pull hf:acme/sql-lora@v2 --adapter
              lmoe pull hf:acme/tiny --include "*.json" --exclude "onnx/*"

            Files go to the cache that Hugging Face's client has, under their hashes, and are verified. What is there is not \
            fetched again; a run that ends early is continued by the next. Of a model, an adapter or GGUF files only what is \
            needed is fetched, and never a pickle. `--base hf:…` of other commands and `lmoe adapters add hf:…` find it there.

            Variables: HF_ENDPOINT, HF_TOKEN, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE (docs/hub.md).
            """)

    @Flag(help: "An adapter's files, also where the repository has a whole model.") var adapter = Variables.flag("adapter")
    @Option(help: ArgumentHelp("Fetch the files of this pattern and no others; may be given more than once.", valueName: "pattern"))
    var include: [String] = []
    @Option(help: ArgumentHelp("Leave out the files of this pattern; may be given more than once.", valueName: "pattern"))
    var exclude: [String] = []
    @Flag(help: "Print events, a line of JSON each.") var json = Variables.flag("json")
    @Argument(help: ArgumentHelp("hf:ORG/NAME[@REV][:FILE]: a branch, a tag or a commit, and a file or a word of its name such as Q4_K_M.", valueName: "reference"))
    var source: String

    func run() throws {
        let reference = try HubReference(source)
        let reporter = PullReporter(json: json)
        do throws(HubError) {
            let snapshot = try HubAccess(reporter).pull(reference, FileWish(isAdapter: adapter, include: include, exclude: exclude))
            reporter.tell(snapshot)
        } catch {
            reporter.tell(error)
            throw error
        }
    }
}
