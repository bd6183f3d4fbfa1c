import Foundation
import OpenAIAPI
import Routing
import Tensors
import TestSupport
import Testing

@testable import Gateway

@Suite struct ConfigurationTests {
    @Test func flagGoesOverVariableOverFileOverDefault() throws {
        var values = SettingValues(
            flags: [.port: "1"], environment: ["LMOE_PORT": "2", "LMOE_HOST": "0.0.0.0", "HOME": "/home/ann"],
            file: try SettingValues.parse(file: "port: 3\nhost: h\nkv_memory: 64\nroutes: none\n", place: "lmoe.yaml"))
        let configuration = try ServiceConfiguration(values)
        #expect(configuration.port == 1)
        #expect(configuration.host == "0.0.0.0")
        #expect(configuration.limits.engine.keyValueBytes == 64 << 20)
        #expect(configuration.routes == nil)
        #expect(configuration.base == "models/base.gguf")
        #expect(configuration.cache == "/home/ann/.cache/lmoe")
        values.flags = [:]
        #expect(try ServiceConfiguration(values).port == 2)
        values.environment = ["XDG_CACHE_HOME": "/c"]
        #expect(try ServiceConfiguration(values).port == 3)
        #expect(try ServiceConfiguration(values).cache == "/c/lmoe")
        #expect(try ServiceConfiguration(SettingValues()).port == 8080)
        #expect(try ServiceConfiguration(SettingValues()).cors == CORSPolicy(.generation))
    }

    @Test func whatSurroundsADecisionIsSet() throws {
        let file = try SettingValues.parse(
            file: "default_adapter: helper\nroute_text: '{system} {last}'\nsticky_margin: 0.1\nllm_routing: unsure\nllm_routing_ms: 70\n"
                + "decision_log: d.jsonl\ndecision_log_sample: 0.5\ndecision_log_prompts: true\ndecision_log_size: 2\n", place: "lmoe.yaml")
        let configuration = try ServiceConfiguration(SettingValues(file: file))
        #expect(configuration.requests.defaultAdapter == "helper")
        #expect(configuration.requests.text == .template(try RouteTemplate("{system} {last}")))
        #expect(configuration.requests.stickyMargin == 0.1)
        #expect(configuration.requests.languageModel == .unsure && configuration.requests.languageModelMilliseconds == 70)
        var log = DecisionLogSettings(path: "d.jsonl")
        log.share = 0.5
        log.hasPrompts = true
        log.limitBytes = 2 << 20
        #expect(configuration.decisionLog == log)
        let plain = try ServiceConfiguration(SettingValues(flags: [.routeText: "conversation", .defaultAdapter: "base", .decisionLog: "none"]))
        #expect(plain.requests.text == .conversation && plain.requests.defaultAdapter == nil && plain.decisionLog == nil)
        #expect(plain.requests.languageModel == .off)
    }

    @Test(arguments: [
        (Setting.port, "70000", "from 0 to 65535"), (.port, "eighty", "from 0 to 65535"), (.precision, "slow", "fast, reference"), (.keyValueCache, "q4", "f16, int8"),
        (.lenient, "maybe", "true or false"), (.routeThreshold, "1.5", "from 0.0 to 1.0"), (.logLevel, "loud", "debug, info"),
        (.keyValueMemory, "0", "from 1"), (.drainSeconds, "nan", "from 0.0"), (.maxBody, "9999", "to 1024"), (.routeText, "first", "expected `last`"),
        (.routeText, "{who}", "{last}, {first}"), (.stickyMargin, "2", "from 0.0 to 1.0"), (.llmRouting, "on", "off, unsure, always"),
        (.llmRoutingMilliseconds, "0", "from 1"), (.cpus, "1,1", "each CPU once"), (.cpus, "1023", "there is no CPU 1023"),
    ])
    func badValuesNameTheirPlace(setting: Setting, text: String, message: String) {
        for (values, place) in [
            (SettingValues(flags: [setting: text]), setting.flag), (SettingValues(environment: [setting.variable: text]), setting.variable),
        ] {
            let error = #expect(throws: GatewayError.self) { try ServiceConfiguration(values) }
            #expect(error?.code == .configuration)
            #expect(error?.place == place)
            #expect(error?.message.contains(message) == true, "\(String(describing: error))")
        }
    }

    @Test func theEdgesOfRangesAreTaken() throws {
        let values = SettingValues(flags: [.port: "0", .routeThreshold: "1", .drainSeconds: "0", .maxConnections: "1", .threads: "0"])
        let configuration = try ServiceConfiguration(values)
        #expect(configuration.port == 0)
        #expect(configuration.limits.drainMilliseconds == 0)
        #expect(configuration.limits.http.connections == 1)
        #expect(configuration.threads >= 1)
    }

    @Test func thereIsAThreadForEachCPUUnlessThereAreToBeFewer() throws {
        let allowed = UsableCPUs.allowed
        let cpus = CPUList(allowed.numbers.reversed())
        let all = try ServiceConfiguration(SettingValues(flags: [.cpus: "\(cpus)"]))
        #expect(all.cpus == cpus && all.threads == cpus.numbers.count)
        let fewer = try ServiceConfiguration(SettingValues(flags: [.cpus: "\(cpus)", .threads: "1"]))
        #expect(fewer.cpus == cpus && fewer.threads == 1)
        let more = SettingValues(flags: [.cpus: "\(allowed.numbers[0])"], environment: ["LMOE_THREADS": "2"])
        let error = #expect(throws: GatewayError.self) { try ServiceConfiguration(more) }
        #expect(error?.place == "LMOE_THREADS")
        #expect(error?.message == "2 threads need as many CPUs, and --cpus has 1: \(allowed.numbers[0])")
        #expect(try ServiceConfiguration(SettingValues(flags: [.cpus: "none"])).cpus == nil)
    }

    @Test func filesWithUnknownOrWrongKeysAreRefused() {
        for (text, message) in [("prot: 1", "unknown setting `prot`"), ("port: [1]", "must be one value"), ("- a", "a mapping"), ("a: [", "not YAML")] {
            let error = #expect(throws: GatewayError.self) { try SettingValues.parse(file: text, place: "lmoe.yaml") }
            #expect(error?.description.contains(message) == true)
            #expect(error?.place?.hasPrefix("lmoe.yaml") == true)
        }
    }

    @Test func everySettingHasOneNameInThreeSpellings() {
        #expect(Setting.apiKeyFile.flag == "--api-key-file")
        #expect(Setting.apiKeyFile.variable == "LMOE_API_KEY_FILE")
        #expect(Set(Setting.allCases.map(\.variable)).count == Setting.allCases.count)
        #expect(Setting.allCases.allSatisfy { !$0.summary.isEmpty && !$0.defaultValue.isEmpty && !$0.summary.hasSuffix(".") })
    }

    /// The default that help shows is a value that the setting takes, and changes nothing.
    @Test func theDefaultsOfTheTableAreTakenAndChangeNothing() throws {
        let inWords: Set<Setting> = [.cache, .defaultMaxTokens, .cacheByKey]
        for setting in Setting.allCases where !inWords.contains(setting) {
            let configuration = try ServiceConfiguration(SettingValues(flags: [setting: setting.defaultValue]))
            #expect(configuration.limits.lines == ServiceConfiguration().limits.lines, "\(setting)")
            #expect(configuration.cors == CORSPolicy() && configuration.decisionLog == nil && configuration.requests == RequestPolicy())
            #expect(configuration.threads == ServiceConfiguration().threads && configuration.routes == "routes")
        }
    }

    /// The ends of the range that help shows are taken, and what lies beyond them is not.
    @Test func theRangesOfTheTableHoldAtTheirEnds() throws {
        for setting in Setting.allCases {
            guard let ends = setting.range?.components(separatedBy: " to "), let low = Double(ends[0]), let high = Double(ends[1]) else { continue }
            func text(_ number: Double) -> String { Int(exactly: number).map(String.init) ?? "\(number)" }
            for end in [low, high] { _ = try ServiceConfiguration(SettingValues(flags: [setting: text(end)])) }
            for beyond in [low - 1, high + 1] {
                let error = #expect(throws: GatewayError.self) { try ServiceConfiguration(SettingValues(flags: [setting: text(beyond)])) }
                #expect(error?.place == setting.flag)
            }
        }
    }

    @Test func whatTheEngineIsToldIsSet() throws {
        let values = SettingValues(flags: [.specialTokens: "text", .defaultMaxTokens: "77", .speculation: "off"])
        let engine = try ServiceConfiguration(values).limits.engine
        #expect(!engine.readsSpecialTokensInMessages && engine.defaultAnswerTokens == 77 && !engine.speculates)
        #expect(throws: GatewayError.self) { try ServiceConfiguration(SettingValues(flags: [.specialTokens: "no"])) }
    }

    @Test func keyFilesWithoutAKeyAreRefused() throws {
        let folder = try TemporaryFolder()
        var configuration = ServiceConfiguration()
        #expect(try Service.readKeys(configuration).isEmpty)
        for (text, isRefused) in [("# nothing\n\n", true), ("sk-1\nadmin:sk-2\n", false)] {
            try folder.write(text, to: "keys")
            configuration.apiKeyFile = "\(folder.path)/keys"
            if isRefused {
                #expect(throws: GatewayError.self) { try Service.readKeys(configuration) }
            } else {
                #expect(try Service.readKeys(configuration).count == 2)
            }
        }
    }

    /// Nothing waits for what is no file, and the system's reason is told.
    @Test(.timeLimit(.minutes(20)))
    func keyFilesThatCannotBeReadAreRefusedWithTheReason() throws {
        let folder = try TemporaryFolder()
        var configuration = ServiceConfiguration()
        _ = try folder.makeFolder("folder")
        try folder.write(String(repeating: "k", count: 1 << 20) + "\n", to: "large")
        try Data([0x6B, 0xFF, 0x0A]).write(to: URL(fileURLWithPath: "\(folder.path)/binary"))
        #expect(mkfifo("\(folder.path)/pipe", 0o600) == 0)
        for (name, reason) in [
            ("none", "no such file"), ("folder", "not a regular file"), ("pipe", "not a regular file"), ("large", "at most 1048576"),
            ("binary", "not UTF-8"),
        ] {
            configuration.apiKeyFile = "\(folder.path)/\(name)"
            let error = #expect(throws: GatewayError.self) { try Service.readKeys(configuration) }
            #expect(error?.code == .configuration && error?.place == configuration.apiKeyFile)
            #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
        }
        try folder.write("\u{FEFF}sk-1\n", to: "marked")
        configuration.apiKeyFile = "\(folder.path)/marked"
        #expect(try Service.readKeys(configuration).count == 1)
    }

    @Test func modelAliasesAreReadFromTheSetting() throws {
        func aliases(_ text: String) throws -> [ModelAlias] {
            try ServiceConfiguration(SettingValues(flags: [.modelAlias: text])).modelAliases
        }
        #expect(try aliases("none").isEmpty && ServiceConfiguration().modelAliases.isEmpty)
        #expect(try aliases("gpt-4o-mini") == [ModelAlias("gpt-4o-mini")])
        #expect(try aliases("gpt-*=base, tgi=sql t?i") == [ModelAlias("gpt-*", target: "base"), ModelAlias("tgi", target: "sql"), ModelAlias("t?i")])
        for text in ["=sql", "gpt=", "a,=b", String(repeating: "n", count: 257)] {
            let error = #expect(throws: GatewayError.self) { try aliases(text) }
            #expect(error?.code == .configuration && error?.place == "--model-alias", "\(text)")
        }
    }

    @Test(arguments: [(1, 2, 2), (32, 256, 287), (32, 2_000, 2_031), (1, 1, 1)])
    func oneSettingBoundsTheQueuesOfRouterAndEngine(sequences: Int, queue: Int, routed: Int) throws {
        let values = SettingValues(flags: [.maxSequences: "\(sequences)", .maxQueue: "\(queue)"])
        let limits = try ServiceConfiguration(values).limits
        #expect(limits.engine.queuedRequests == queue && limits.engine.activeSequences == sequences)
        // One is routed while the others wait.
        #expect(limits.queuedForRouting == routed)
    }

    @Test func limitsAreSpokenInLines() {
        let text = ServiceLimits().lines.joined(separator: "\n")
        for part in ["1024", "8 MiB", "256 waiting", "32 sequences", "128 MiB"] { #expect(text.contains(part), "\(part)") }
    }
}
