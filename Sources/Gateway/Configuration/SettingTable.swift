internal import Foundation
internal import Models
import OpenAIAPI
import Routing
import Telemetry
import Tensors

/// The table of settings: for each its place in the configuration, the values that it takes, and its line of help. Its default is what
/// `ServiceConfiguration()` has.
extension Setting {
    var row: SettingRow {
        switch self {
        case .base: .text(\.base, "the base model: a .gguf file, a folder with config.json, tokenizer.json and model*.safetensors, or hf:ORG/NAME[@REV][:FILE] of a hub")
        case .encoder:
            .optionalText(
                \.encoder,
                "the router's encoder: a folder of a BERT-style model or of static vectors, or hf:ORG/NAME; `none` serves without a router")
        case .firstEncoder:
            .optionalText(\.firstEncoder, "a cheaper encoder, such as static vectors, that decides where it is sure; `none`")
        case .adapters: .text(\.adapters, "the folder of adapters, one folder each; it is watched")
        case .routes:
            .custom(
                default: "routes", "the operator's routing data and access rules, which come before what adapters say; `none`"
            ) { text, _, configuration in
                configuration.routes = text == "none" ? nil : text
                configuration.routesMayBeMissing = false
            }
        case .imports: .optionalText(\.imports, "the only folder from which PUT /v1/adapters may copy; `none` refuses it")
        case .uploadLimit:
            .mebibytes(
                \.limits.adapters.uploadedBytes, 0...1 << 20,
                "MiB that uploaded files of adapters may take until they are published; 0 refuses uploads")
        case .cache:
            .optionalText(\.cache, default: "lmoe in $XDG_CACHE_HOME or ~/.cache", "where embedded examples are kept; `none` keeps none")
        case .tuningFolder:
            .optionalText(
                \.tuningFolder, "where files for fine-tuning jobs, and the jobs, are kept; `none` refuses /v1/files and /v1/fine_tuning/jobs")
        case .tuningAccess:
            .choice(
                \.tuningAccess, ServiceConfiguration.TuningAccess.allCases,
                "whose keys may upload files and tune: `admin`, or `user` for all keys, each with its own files and jobs")
        case .tuningJobs: .integer(\.limits.tuning.runningJobs, 1...64, "fine-tuning jobs that are computed at the same time")
        case .memory:
            .custom(
                default: "none", "memories that each request asks for a fact, with commas, beside whatever answers; `none`"
            ) { text, _, configuration in
                configuration.memories = text == "none" ? [] : text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
            }
        case .memoryAccess:
            .choice(
                \.memoryAccess, ServiceConfiguration.TuningAccess.allCases,
                "whose keys may tell, read and forget facts: `admin`, or `user` for all keys, in the memories that they may use")
        case .host: .text(\.host, "the address to bind")
        case .port: .integer(\.port, 0...65_535, "the port to bind; 0 takes any free one")
        case .cpus:
            .custom(
                default: "none", "the CPU of each thread that computes, such as `0-15` or `0,2,4-7`; `none` lets the system place them"
            ) { (text, place, configuration) throws(GatewayError) in
                configuration.cpus = try SettingReader.cpus(text, place)
                if let cpus = configuration.cpus { configuration.threads = cpus.numbers.count }
            }
        case .threads:
            .custom(
                default: "0", range: 0...256, "threads that compute; 0 takes one for each CPU that this process may use, or of --cpus"
            ) { (text, place, configuration) throws(GatewayError) in
                let threads = try SettingReader.integer(text, place, 0...256)
                if let cpus = configuration.cpus, threads > cpus.numbers.count {
                    throw GatewayError(.configuration, "\(threads) threads need as many CPUs, and --cpus has \(cpus.numbers.count): \(cpus)", place: place)
                }
                if threads > 0 { configuration.threads = threads }
            }
        case .tuningShare:
            .number(
                \.tuningShare, 0...CoreShare.greatestShare,
                "share of the time that fine-tuning jobs get while requests run; they get all of it while none does")
        case .memoryShare:
            .number(
                \.memoryShare, 0...CoreShare.greatestShare,
                "share of the time that writing facts over HTTP gets while requests run; it gets all of it while none does")
        case .tuningThreads:
            .custom(
                default: "0", range: 0...256, "threads that compute fine-tuning jobs; 0 takes as many as for requests"
            ) { (text, place, configuration) throws(GatewayError) in
                let threads = try SettingReader.integer(text, place, 0...256)
                configuration.tuningThreads = threads > 0 ? threads : nil
            }
        case .precision: .choice(\.precision, [.fast, .reference], "`fast` (quantised weights, int8 products) or `reference` (f32)")
        case .apiKeyFile:
            .optionalText(
                \.apiKeyFile,
                "a file of keys, one a line, `KEY` or `NAME:KEY`; `admin:` before it lets it manage adapters; `none` asks for no key")
        case .corsOrigins:
            .custom(
                default: "generation",
                "pages that may read answers: `generation` (pages of any site generate, those of this machine read the rest), `*`, "
                    + "`local`, `none`, or origins with commas"
            ) { text, _, configuration in
                configuration.cors = CORSPolicy(text)
            }
        case .console:
            .choice(
                \.console, ServiceConfiguration.Console.allCases,
                "the page for browsers at `/`: `on`, `off`, or `auto`, which leaves it out where other machines can reach a server without keys")
        case .modelAlias:
            .custom(
                default: "none",
                "names that clients may have in `model`: NAME for the router, or NAME=ADAPTER; `*` and `?` are wildcards; several with commas"
            ) { (text, place, configuration) throws(GatewayError) in
                configuration.modelAliases = try SettingReader.aliases(text, place)
            }
        case .cacheByKey:
            .custom(
                default: "on when there are keys",
                "`on` or `off`: cached prefixes, and their counts in answers, are apart for each API key"
            ) { (text, place, configuration) throws(GatewayError) in
                configuration.separatesCaches = try SettingReader.flag(text, place)
            }
        case .lenient: .flag(\.isLenient, "ignore unknown fields of requests instead of refusing them")
        case .routeThreshold: .number(\.policy.threshold, 0...1, "least probability at which the router chooses an adapter")
        case .routeNeighbours: .integer(\.policy.neighbours, 1...1_000, "nearest examples whose mean similarity is an adapter's score")
        case .defaultAdapter:
            .optionalText(
                \.requests.defaultAdapter, none: "base",
                "the adapter that answers when none is probable enough; `base` is the base")
        case .routeText:
            .custom(
                default: "last", "what decides: `last` turn of the user, `conversation`, or a template such as `{system} {last}`"
            ) { (text, place, configuration) throws(GatewayError) in
                configuration.requests.text = try SettingReader.routeText(text, place)
            }
        case .stickyMargin:
            .number(
                \.requests.stickyMargin, 0...1,
                "how much more probable another adapter must be for a conversation to change; 0 decides each turn alone")
        case .llmRouting:
            .choice(
                \.requests.languageModel, RequestPolicy.LanguageModel.allCases,
                "`off`, `unsure` or `always`: the base model chooses among the best candidates")
        case .llmRoutingMilliseconds:
            .integer(
                \.requests.languageModelMilliseconds, 1...600_000,
                "milliseconds that the base model has for that; later the router's decision stands")
        case .decisionLog: .optionalText(\.decisionLogPath, "a file that gets a JSON line for each decision; `none` writes none")
        case .decisionLogSample: .number(\.decisions.share, 0...1, "the share of decisions that are written, from 0 to 1")
        case .decisionLogPrompts: .flag(\.decisions.hasPrompts, "write the texts that were routed, too")
        case .decisionLogSize: .mebibytes(\.decisions.limitBytes, 1...1 << 20, "MiB of the decision log before it is renamed to FILE.1")
        case .speculation:
            .flag(
                \.limits.engine.speculates, words: ("on", "off"),
                "`on` or `off`: verify several draft tokens in a step where a text repeats; changes no token")
        case .adapterMemory: .mebibytes(\.limits.adapterBudgetBytes, 1...1 << 24, "MiB that adapters may take while no request uses them")
        case .keyValueMemory: .mebibytes(\.limits.engine.keyValueBytes, 1...1 << 24, "MiB of keys and values")
        case .keyValueCache:
            .choice(
                \.keyValueCache, KeyValueChoice.allCases,
                "keys and values in `f16`, `bf16`, `int8` with a little more than half of the memory, or `auto`: bf16 where the CPU has it")
        case .maxSequences: .integer(\.limits.engine.activeSequences, 1...4_096, "sequences that generate at the same time")
        case .maxQueue:
            .integer(
                \.limits.engine.queuedRequests, 1...1_000_000,
                "requests that may wait, for the router and for the engine; one more is refused with 429")
        case .defaultMaxTokens:
            .custom(default: "a quarter of kv-memory, at least 256", range: 1...10_000_000, "tokens of an answer that names no limit") {
                (text, place, configuration) throws(GatewayError) in
                configuration.limits.engine.defaultAnswerTokens = try SettingReader.integer(text, place, 1...10_000_000)
            }
        case .specialTokens:
            .custom(
                default: "control", "special tokens that are written in messages: `control` (as `transformers` does) or plain `text`"
            ) { (text, place, configuration) throws(GatewayError) in
                guard ["control", "text"].contains(text) else {
                    throw GatewayError(.configuration, "expected control or text, found `\(text)`", place: place)
                }
                configuration.limits.engine.readsSpecialTokensInMessages = text == "control"
            }
        case .maxConnections: .integer(\.limits.http.connections, 1...1_000_000, "open connections")
        case .maxBody: .mebibytes(\.limits.http.bodyBytes, 1...1_024, "MiB of one request's body")
        case .rescanSeconds:
            .seconds(\.limits.rescanMilliseconds, 0.1...86_400, "seconds between two looks at the adapters folder, beside its events")
        case .drainSeconds: .seconds(\.limits.drainMilliseconds, 0...86_400, "seconds that running requests get after SIGTERM")
        case .logLevel: .choice(\.logLevel, LogThreshold.allCases, "`debug`, `info`, `warning`, `error` or `off`")
        case .logFormat: .choice(\.logFormat, [.text, .json], "`text` or `json`")
        }
    }
}
