import Foundation
import Generation
import TestSupport
import Testing

@testable import Routing

/// Access rules that cannot be read: the last known ones stay in force, and where none are known access is closed.
@Suite struct AccessDoubtTests {
    /// An adapter `x` and the routes folder, looked at again and again.
    final class Site {
        let folder: TemporaryFolder
        var files: RouteFiles
        var names: Set<String> = ["x", "y"]
        private var overrides: RouteOverrides?
        private var last: [String: RouteReading] = [:]

        init(own: String? = nil, operators: String? = nil, mayBeMissing: Bool = true) throws {
            folder = try TemporaryFolder()
            files = RouteFiles(routesFolder: folder.place("routes"), mayBeMissing: mayBeMissing)
            try folder.makeFolder("routes")
            for name in ["x", "y"] { try folder.makeFolder("adapters/\(name)") }
            if let own { try folder.write(own, to: "adapters/x/route.yaml") }
            if let operators { try folder.write(operators, to: "routes/x.yaml") }
        }

        @discardableResult
        func look(_ adapter: String = "x") -> RouteReading {
            let overrides = files.overrides(after: overrides)
            self.overrides = overrides
            let reading = files.read(
                adapter: adapter, folder: folder.place("adapters/\(adapter)"), overrides: overrides, names: names, last: last[adapter])
            last[adapter] = reading
            return reading
        }

        var doubts: [String] { (overrides?.doubts ?? []).map(\.description) }

        /// A new process.
        func forget() {
            overrides = nil
            last = [:]
        }

        func admits(_ key: String, _ adapter: String = "x") -> Bool { look(adapter).access.admits(Caller(key: key)) }

        func rename(_ name: String, _ other: String) throws {
            try FileManager.default.moveItem(atPath: folder.place(name), toPath: folder.place(other))
        }
    }

    private static let rule = "allow: [team-a]\nexamples: [one]\n"

    /// What can happen to the file or folder `path`, as root, too.
    enum Fault: String, CaseIterable {
        case truncated, white, comment, broken, cut, notText, list, folderInItsPlace, danglingLink, misspelt
        func happen(_ path: String, _ folder: TemporaryFolder) throws {
            let text: String? =
                switch self {
                case .truncated: ""
                case .white: " \n\n"
                case .comment: "# allow: [team-a]\n"
                case .broken: "allow: [team-a\n"
                case .cut: "examples: [one"
                case .list: "- a\n"
                case .misspelt: "alow: [team-b]\nexamples: [one]\n"
                default: nil
                }
            if let text { return _ = try folder.write(text, to: path) }
            if self == .notText { return _ = try folder.write([0xFF, 0xFE, 0x80], to: path) }
            try folder.remove(path)
            if self == .folderInItsPlace { try folder.makeFolder(path) } else { try folder.link(path, to: "nowhere") }
        }
    }

    @Test(arguments: Fault.allCases, ["routes/x.yaml", "adapters/x/route.yaml"])
    func aFileThatCannotBeReadKeepsItsRule(fault: Fault, path: String) throws {
        let site = try Site()
        try site.folder.write(Self.rule, to: path)
        #expect(site.admits("team-a") && !site.admits("team-b"))
        try fault.happen(path, site.folder)
        for _ in 0..<2 { #expect(site.admits("team-a") && !site.admits("team-b")) }
        #expect(site.look().doubt != nil || !site.doubts.isEmpty, "it is said")
        #expect(site.admits("team-b", "y"), "the other adapter is as it was")
        // A restart knows nothing, and opens nothing.
        site.forget()
        #expect(!site.admits("team-b") && !site.admits("team-a"))
        try? site.folder.remove(path)
        try site.folder.write("allow: [team-b]\n", to: path)
        #expect(!site.admits("team-a") && site.admits("team-b"))
        try site.folder.remove(path)
        #expect(site.admits("team-a") && site.admits("team-c"), "a file that is deleted takes its rule with it")
        #expect(site.look().doubt == nil && site.doubts.isEmpty)
    }

    @Test(arguments: Fault.allCases)
    func aFileOfAnotherNameKeepsItsRuleToo(fault: Fault) throws {
        let site = try Site()
        try site.folder.write("adapter: x\n\(Self.rule)", to: "routes/policy.yaml")
        #expect(site.admits("team-a") && !site.admits("team-b") && site.admits("team-b", "y"))
        try fault.happen("routes/policy.yaml", site.folder)
        #expect(site.admits("team-a") && !site.admits("team-b") && site.admits("team-b", "y"))
        // After a restart nothing tells which adapter the file is about.
        site.forget()
        #expect(!site.admits("team-b"))
    }

    @Test func aFolderThatCannotBeReadKeepsEverything() throws {
        let site = try Site(operators: Self.rule)
        try site.folder.write("examples: [two]\nthreshold: 0.3\n", to: "routes/y.yaml")
        #expect(!site.admits("team-b") && site.look("y").definition?.examples == ["two"])
        try site.rename("routes", "routes.away")
        func isKept() -> Bool {
            !site.admits("team-b") && site.admits("team-a") && site.admits("team-b", "y") && site.look("y").definition?.examples == ["two"]
                && site.look().definition?.examples == ["one"] && site.doubts.count == 1
        }
        #expect(isKept(), "renamed away")
        try site.folder.link("routes", to: "nowhere")
        #expect(isKept(), "a dangling link")
        try site.folder.remove("routes")
        try site.folder.write("x", to: "routes")
        #expect(isKept(), "a file in its place")
        try site.folder.remove("routes")
        #expect(isKept(), "gone")
        try site.rename("routes.away", "routes")
        #expect(!site.admits("team-b") && site.doubts.isEmpty)
        try site.folder.write("allow: [team-b]\n", to: "routes/x.yaml")
        #expect(site.admits("team-b") && !site.admits("team-a"))
    }

    @Test func aFolderThatNeverCouldBeReadOpensNothing() throws {
        let site = try Site(own: "examples: [one]\n")
        try site.folder.remove("routes")
        #expect(site.admits("team-a"), "the default folder need not exist")
        #expect(throws: Never.self) { try site.files.check() }
        site.forget()
        try site.folder.link("routes", to: "nowhere")
        #expect(!site.admits("team-a") && site.doubts.count == 1)
        #expect(throws: RoutingError.self) { try site.files.check() }
        let named = try Site(own: "examples: [one]\n", mayBeMissing: false)
        #expect(named.admits("team-a"))
        named.forget()
        try named.folder.remove("routes")
        #expect(!named.admits("team-a"))
        #expect(throws: RoutingError.self) { try named.files.check() }
        try named.folder.makeFolder("routes")
        #expect(named.admits("team-a") && named.doubts.isEmpty)
    }

    @Test func anAdaptersFolderThatIsAwayKeepsRuleAndRoute() throws {
        let site = try Site(own: Self.rule)
        #expect(!site.admits("team-b"))
        try site.rename("adapters", "away")
        let away = site.look()
        #expect(!away.access.admits(Caller(key: "team-b")) && away.definition?.examples == ["one"])
        #expect(away.doubt != nil && away.isWorthRetrying && away.problem == nil)
        site.forget()
        #expect(!site.admits("team-a"))
        try site.rename("away", "adapters")
        #expect(site.admits("team-a") && site.look().doubt == nil)
    }

    @Test func anUnreadableFileThatAppearsTakesNothingThatWasCertain() throws {
        let site = try Site(own: Self.rule)
        #expect(site.admits("team-a") && site.admits("team-b", "y"))
        try site.folder.makeFolder("routes/new.yaml")
        #expect(site.admits("team-a") && !site.admits("team-b") && site.admits("team-b", "y"))
        #expect(site.doubts.count == 1)
        // An adapter that comes later may be what the file is about.
        try site.folder.makeFolder("adapters/z")
        site.names.insert("z")
        #expect(!site.admits("team-a", "z"))
        try site.folder.remove("routes/new.yaml")
        #expect(site.admits("team-a", "z"))
    }

    @Test func examplesThatCannotBeReadDoNotTouchTheRule() throws {
        let site = try Site(operators: "allow: [team-a]\nexamples_file: more.jsonl\n")
        #expect(site.admits("team-a") && !site.admits("team-b"))
        #expect(site.look().problem?.description.contains("more.jsonl") == true)
        try site.folder.write("\"one\"\n", to: "routes/more.jsonl")
        #expect(site.look().definition?.examples == ["one"])
        try site.folder.remove("routes/more.jsonl")
        #expect(site.look().definition?.examples == ["one"] && site.look().doubt != nil && !site.admits("team-b"))
    }

    /// What is in force when a file is refused that was never understood.
    @Test(arguments: [
        ("examples: [a\n", nil, false), ("allow: [team-a]\nexampels: []\n", nil, false), ("exampels: []\n", nil, true), ("{}", nil, true),
        ("allow: [team-a]\nexamples_file: none.jsonl\n", nil, true), (nil, "deny: [x]\nexampels: []\n", false), (nil, "exampels: []\n", true),
        ("allow: [team-b]\n", "exampels: []\n", false), ("examples: [a\n", "allow: [team-b]\n", false), (nil, "dney: [x]\n", false),
        (nil, "keys: [team-a]\n", false), (nil, "threshold: 7\n", true), (nil, "{}", true), (nil, nil, true),
    ] as [(String?, String?, Bool)])
    func whatWasNeverUnderstoodOpensNothingThatItMayClose(own: String?, operators: String?, isOpen: Bool) throws {
        #expect(try Site(own: own, operators: operators).admits("team-a") == isOpen)
    }

    @Test func aRuleThatIsTightenedCountsThoughTheOtherFileCannotBeRead() throws {
        let site = try Site(own: "deny: [team-c]\n", operators: "allow: [team-a, team-b, team-c]\n")
        #expect(site.admits("team-b") && !site.admits("team-c"))
        try site.folder.write("", to: "adapters/x/route.yaml")
        try site.folder.write("allow: [team-a]\n", to: "routes/x.yaml")
        #expect(site.admits("team-a") && !site.admits("team-b") && !site.admits("team-c"))
    }

    @Test func bothSpellingsOfTheEndingAreRead() throws {
        let site = try Site()
        try site.folder.write(Self.rule, to: "adapters/x/route.yml")
        #expect(site.admits("team-a") && !site.admits("team-b") && site.look().definition?.source == "route.yml")
        try site.folder.write("examples: [two]\n", to: "adapters/x/route.yaml")
        #expect(site.look().problem?.description.contains("both route.yaml and route.yml") == true)
        #expect(!site.admits("team-b"))
        site.forget()
        #expect(!site.admits("team-a"))
    }

    @Test func filesWithoutEffectAreSaid() throws {
        let site = try Site(operators: Self.rule)
        try site.folder.write("deny: [team-a]\n", to: "routes/x.yml")
        try site.folder.write("deny: [team-a]\n", to: "routes/y.YAML")
        try site.folder.write("{}", to: "routes/z.json")
        try site.folder.write("notes", to: "routes/README.md")
        let overrides = site.files.overrides()
        #expect(overrides.withoutEffect.keys.sorted() == ["x.yml", "y.YAML", "z.json"])
        #expect(overrides.withoutEffect["x.yml"]?.contains("x.yaml") == true)
        #expect(overrides.subjects == ["x.yaml": "x", "x.yml": "x"])
    }

    @Test func aByteOrderMarkIsSkipped() throws {
        let site = try Site(own: "\u{FEFF}examples_file: e.jsonl\n", operators: "\u{FEFF}allow: [team-a]\n")
        try site.folder.write("\u{FEFF}\"one\"\r\n\"two\"\r\n", to: "adapters/x/e.jsonl")
        try site.folder.write("\u{FEFF}\"order a pizza\"\r\n", to: "routes/none.jsonl")
        #expect(site.look().definition?.examples == ["one", "two"] && !site.admits("team-b"))
        #expect(try site.files.negatives() == ["order a pizza"])
    }

    @Test func deepNestingIsRefusedAndDoesNotEndTheProcess() throws {
        for text in [String(repeating: "[", count: 300_000), String(repeating: "{a: ", count: 300_000), (0..<20_000).map { String(repeating: " ", count: $0 % 400) + "- " }.joined()] {
            let site = try Site(own: text)
            #expect(site.look().problem != nil)
        }
    }
}
