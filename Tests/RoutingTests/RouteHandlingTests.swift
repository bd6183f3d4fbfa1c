import Generation
import TestSupport
import Testing

@testable import Routing

/// Who may use an adapter, and the rest of what a route file says beside its texts.
@Suite struct RouteHandlingTests {
    private func handling(_ yaml: String) throws -> RouteHandling {
        try RouteYAML.parse(yaml, place: "x.yaml").handling.handling
    }

    @Test func everyKeyIsRead() throws {
        let handling = try handling(
            """
            allow: {keys: [team-a, team-b], headers: {X-Tenant: [a, b]}}
            deny: {headers: {x-trial: "*"}}
            canary: {adapter: sql-v2, weight: 0.05}
            timeout_ms: 2500
            default_adapter: helper
            """)
        #expect(handling.access.allow == .init(keys: ["team-a", "team-b"], headers: ["x-tenant": ["a", "b"]]))
        #expect(handling.access.deny == .init(headers: ["x-trial": ["*"]]))
        #expect(handling.canary == .init(adapter: "sql-v2", weight: 0.05))
        #expect(handling.timeoutMilliseconds == 2500)
        #expect(handling.defaultAdapter == "helper")
        #expect(try self.handling("allow: [team-a]").access.allow == .init(keys: ["team-a"]))
        #expect(try self.handling("deny: team-a").access.deny == .init(keys: ["team-a"]))
    }

    @Test(arguments: [
        ("allow: {}", "neither"), ("allow: {users: [a]}", "unknown key `allow.users`"), ("allow: {keys: {a: b}}", "list of names"),
        ("deny:", "list of names"), ("deny: ~", "list of names"), ("allow: {keys: }", "list of names"), ("deny: ['']", "list of names"),
        ("deny: {headers: {x-a: }}", "list of values"), ("deny: {headers: [a]}", "mapping"), ("deny: {headers: {Authorization: a}}", "cannot look at authorization"),
        ("canary: sql-v2", "must be {adapter"), ("canary: {adapter: b, weight: 5}", "from 0 to 1"),
        ("canary: {adapter: b, weight: 0.1, share: 2}", "must be {adapter"), ("timeout_ms: 0", "from 1 to"),
        ("timeout_ms: soon", "from 1 to"), ("default_adapter: [a]", "must be a name"),
    ])
    func badValuesNameTheKey(yaml: String, message: String) {
        let error = #expect(throws: RoutingError.self) { try handling(yaml) }
        #expect(error?.message.contains(message) == true, "\(String(describing: error))")
        #expect(error?.place?.hasPrefix("x.yaml:") == true)
    }

    @Test func allConditionsOfAllowAndOneOfDenyDecide() throws {
        let access = try handling("allow: {keys: [team-a], headers: {x-tenant: [a, b]}}\ndeny: {keys: [banned], headers: {x-trial: '*'}}").access
        func admits(_ key: String?, _ headers: [String: [String]]) -> Bool { access.admits(Caller(key: key, headers: headers)) }
        #expect(admits("team-a", ["x-tenant": ["b"]]))
        #expect(!admits("team-a", [:]))
        #expect(!admits("team-a", ["x-tenant": ["c"]]))
        #expect(!admits(nil, ["x-tenant": ["a"]]))
        #expect(!admits("team-a", ["x-tenant": ["a"], "x-trial": ["0"]]))
        #expect(access.admits(.operator))
        let open = try handling("deny: banned").access
        #expect(open.admits(Caller()) && !open.admits(Caller(key: "banned")))
        #expect(RouteAccess.open.admits(Caller()) && !RouteAccess.closed.admits(Caller(key: "team-a")))
        #expect(try !handling("allow: {keys: []}").access.admits(Caller(key: "team-a")))
    }

    /// A proxy may have added the value that counts, and the client the other one.
    @Test(arguments: [
        (["blue"], true), (["green"], false), (["blue", "green"], false), (["green", "blue"], false), (["blue", "blue"], false),
        (["green, blue"], false), (["blue,green"], false), ([], false), (["Doe, John"], true), (["bl\u{0075}e"], true),
    ])
    func aHeaderThatARuleNamesCountsOnce(values: [String], isAdmitted: Bool) throws {
        let access = try handling("allow: {headers: {x-tenant: [blue, 'Doe, John']}}").access
        #expect(access.admits(Caller(headers: ["x-tenant": values])) == isAdmitted)
        // Headers that no rule names may come as often as they like.
        #expect(access.admits(Caller(headers: ["x-tenant": values, "accept": ["a", "b"]])) == isAdmitted)
    }

    @Test(arguments: [(["no"], true), (["yes"], false), (["no", "yes"], false), (["no, yes"], false), (["no", "no"], false), ([], true)])
    func aDeniedHeaderCannotBeHiddenBehindAnother(values: [String], isAdmitted: Bool) throws {
        let access = try handling("deny: {headers: {x-trial: ['yes']}}").access
        #expect(access.admits(Caller(headers: ["x-trial": values])) == isAdmitted)
    }

    @Test func theOperatorGoesBeforeTheFolderKeyByKey() throws {
        let folder = try TemporaryFolder()
        try folder.write("examples: [one]\nallow: [a]\ncanary: {adapter: v2, weight: 0.1}\n", to: "adapters/x/route.yaml")
        try folder.write("allow: [b]\ntimeout_ms: 9\n", to: "routes/x.yaml")
        let route = try RouteFiles(routesFolder: "\(folder.path)/routes").definition(adapter: "x", folder: "\(folder.path)/adapters/x")
        #expect(route.handling.access.allow == .init(keys: ["b"]))
        #expect(route.handling.canary?.adapter == "v2")
        #expect(route.handling.timeoutMilliseconds == 9)
    }

    @Test func negativesAreReadAndTakeTheirTextsFromTheAdapters() throws {
        let folder = try TemporaryFolder()
        try folder.write("\"order a pizza\"\n{\"text\": \"walk the dog\"}\n\"order a pizza\"\n", to: "routes/none.jsonl")
        try folder.write("examples: [one]\n", to: "adapters/none/route.yaml")
        let files = RouteFiles(routesFolder: "\(folder.path)/routes")
        #expect(try files.negatives() == ["order a pizza", "walk the dog"])
        #expect(try files.definition(adapter: "none", folder: "\(folder.path)/adapters/none").examples == ["one"])
        #expect(try RouteFiles(routesFolder: nil).negatives() == [])
        try folder.write("{}", to: "routes/none.jsonl")
        let error = #expect(throws: RoutingError.self) { try files.negatives() }
        #expect(error?.place?.hasSuffix("none.jsonl:1") == true)
    }

    @Test func negativesLowerWhatIsLikeThem() throws {
        let negatives = (0..<12).map { "tell of the folder number \($0) of the museum" }
        let question = RouteQuery(text: "tell of the folder of the museum")
        let router = Router(embedder: WordEmbedder())
        try router.update([RouterTests.bash, RouterTests.sql])
        let before = try #require(try router.decide(question).probability)
        try router.update([RouterTests.bash, RouterTests.sql], negatives: negatives)
        let after = try #require(try router.decide(question).probability)
        #expect(after < before)
    }
}
