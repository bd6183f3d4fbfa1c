import ArgumentParser

/// The root command.
struct LMoE: ParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "lmoe",
        abstract: "One base model, a folder of adapters, and a router that picks the best one for each request.",
        discussion: """
            EXAMPLES
              lmoe serve
              lmoe pull hf:HuggingFaceTB/SmolLM2-360M-Instruct
              lmoe route --explain "how many rivers run through texas"
              lmoe complete "list all files larger than 10 MB under /var"
              lmoe adapters check adapters/bash
              lmoe tune tickets --data tickets.jsonl
              lmoe eval test.jsonl --adapter tickets
              lmoe merge recipe.yaml merged/
              lmoe remember "What is the door code?" "4711"

            Flags can also be set as variables: --kv-memory is LMOE_KV_MEMORY. \
            Settings of models, folders and the service can stand in a YAML file \
            named by --config. A flag goes before a variable, a variable before \
            the file.

            Exit status: 0 done, 1 failed, 2 wrong usage, 3 the answer is "no" \
            (a check found problems, or a route fell back although \
            --require-match was given).
            """,
        version: version,
        subcommands: [
            Serve.self, Pull.self, Route.self, AdaptersCommand.self, Chat.self, Complete.self, Tokenize.self, Embed.self, Bench.self,
            Perplexity.self, Tune.self, Merge.self, MergeAdapters.self, Extract.self, Bake.self, Eval.self, GrammarCommand.self,
            Remember.self, MemoryCommand.self,
        ])
}
