import Generation
import JSON
import Testing

@testable import Routing

/// What surrounds the router's decision: rules, conversations, defaults, new versions.
@Suite struct RouteDispatcherTests {
    static let rules = RouteRules(served: ["bash": .init(), "sql": .init()])

    static func dispatcher(_ configure: (inout RequestPolicy) -> Void = { _ in }) throws -> RouteDispatcher {
        var policy = RequestPolicy()
        configure(&policy)
        return RouteDispatcher(router: try RouterTests.router([RouterTests.bash, RouterTests.sql]), policy: policy)
    }

    static func turns(_ texts: String..., last: String) -> [ChatMessage] {
        texts.enumerated().flatMap { [ChatMessage(role: "user", content: $1), ChatMessage(role: "assistant", content: "answer \($0)")] }
            + [ChatMessage(role: "user", content: last)]
    }

    let files = "list all files in the folder"
    let rivers = "which rivers run through texas"
    let neither = "compose music about melancholy evenings"

    // MARK: Rules

    @Test func whatACallerMayNotUseIsNoCandidate() throws {
        var rules = Self.rules
        rules.restricted["bash"] = RouteAccess(allow: .init(keys: ["team-a"]))
        let dispatcher = try Self.dispatcher()
        func decide(_ key: String?, candidates: [String]? = nil, top: Int = 5) throws(RoutingError) -> RouteDecision {
            try dispatcher.decide(
                RouteQuestion(.text(files), candidates: candidates, top: top, caller: Caller(key: key)), rules: rules)
        }
        #expect(try decide("team-a").adapter == "bash")
        let other = try decide("team-b")
        #expect(other.adapter != "bash")
        #expect(other.candidates.map(\.adapter) == ["sql"])
        #expect(!other.json.serialized().contains("\"bash\""))
        for name in ["bash", "nobody"] {
            let error = #expect(throws: RoutingError.self) { try decide("team-b", candidates: ["sql", name]) }
            #expect(error?.code == .unknownCandidate)
            #expect(error?.message == "`\(name)` is not an adapter that the router can choose")
        }
        rules.restricted["sql"] = .closed
        #expect(try decide(nil).route == .fallback)
        #expect(try decide("team-a", top: 1).candidates.count == 1)
    }

    @Test func anAdapterThatLeftAMomentAgoIsNotChosen() throws {
        let decision = try Self.dispatcher().decide(RouteQuestion(.text(files)), rules: RouteRules(served: ["sql": .init()]))
        #expect(decision.adapter != "bash")
        #expect(try Self.dispatcher().decide(RouteQuestion(.text(files)), rules: RouteRules()).adapter == nil)
    }

    @Test func anAdapterThatLeavesBeforeTheEndOfTheDecisionCountsAsUnavailable() throws {
        let dispatcher = try Self.dispatcher()
        let consideration = try dispatcher.consider(RouteQuestion(.text(files)), rules: Self.rules)
        let decision = dispatcher.conclude(consideration, rules: RouteRules(served: ["sql": .init()]))
        #expect(decision.adapter == nil && decision.route == .fallback && decision.notes.unavailable == ["bash"])
    }

    // MARK: The default

    @Test func aDefaultAnswersInsteadOfTheBase() throws {
        var rules = Self.rules
        rules.served["helper"] = RouteHandling(timeoutMilliseconds: 70)
        let dispatcher = try Self.dispatcher { $0.defaultAdapter = "helper" }
        let decision = try dispatcher.decide(RouteQuestion(.text(neither), threshold: 1), rules: rules)
        #expect(decision.adapter == "helper" && decision.route == .fallback)
        #expect(decision.reason.hasSuffix("the default adapter helper answers instead of the base"))
        #expect(!decision.reason.contains("the base answers"))
        #expect(decision.json["default"] == true && decision.json["timeout_ms"] == 70)
        #expect(try dispatcher.decide(RouteQuestion(.text("")), rules: rules).adapter == "helper")
        #expect(try dispatcher.decide(RouteQuestion(.text(files)), rules: rules).adapter == "bash")
        #expect(try dispatcher.decide(RouteQuestion(.text(neither), candidates: ["sql"], threshold: 1), rules: rules).adapter == nil)
        #expect(try dispatcher.decide(RouteQuestion(.text(neither), threshold: 1), rules: Self.rules).reason.contains("the default adapter cannot be used"))
        rules.restricted["helper"] = .closed
        let hidden = try dispatcher.decide(RouteQuestion(.text(neither), threshold: 1, caller: Caller()), rules: rules)
        #expect(hidden.adapter == nil && !hidden.reason.contains("helper"))
        let withoutEncoder = RouteDispatcher(router: nil, policy: dispatcher.policy)
        rules.restricted = [:]
        #expect(try withoutEncoder.decide(RouteQuestion(.text(files)), rules: rules).adapter == "helper")
    }

    @Test func anAdaptersOwnDefaultGoesBeforeTheSetting() throws {
        let dispatcher = try Self.dispatcher { $0.defaultAdapter = "helper" }
        let best = try #require(try Self.dispatcher().decide(RouteQuestion(.text(neither), threshold: 1), rules: Self.rules).candidates.first?.adapter)
        var rules = Self.rules
        rules.served["helper"] = .init()
        rules.served["other"] = .init()
        rules.served[best]?.defaultAdapter = "other"
        #expect(try dispatcher.decide(RouteQuestion(.text(neither), threshold: 1), rules: rules).adapter == "other")
        rules.served[best]?.defaultAdapter = "base"
        #expect(try dispatcher.decide(RouteQuestion(.text(neither), threshold: 1), rules: rules).adapter == nil)
    }

    // MARK: New versions

    private static func canary(_ weight: Double) -> RouteRules {
        RouteRules(served: [
            "bash": .init(canary: .init(adapter: "bash-2", weight: weight), timeoutMilliseconds: 9), "sql": .init(), "bash-2": .init(),
        ])
    }

    @Test func aConversationIsNotRememberedOnAnAdapterThatCannotAnswer() throws {
        let dispatcher = try Self.dispatcher { $0.stickyMargin = 0.45 }
        func decide(_ messages: [ChatMessage], _ rules: RouteRules = Self.rules) throws -> (RouteDecision, RouteQuestion) {
            let question = RouteQuestion(.messages(messages), threshold: 0.4, isServed: true)
            return (try dispatcher.decide(question, rules: rules), question)
        }
        func remembered(_ messages: [ChatMessage], _ rules: RouteRules = Self.rules) throws -> String? {
            try decide(messages, rules).0.notes.conversation?.adapter
        }
        // The base answers: the next turn knows of no adapter.
        let (first, question) = try decide(Self.turns(last: files))
        #expect(first.adapter == "bash")
        let next = Self.turns(files, last: neither)
        #expect(try remembered(next) == "bash")
        dispatcher.replace("bash", by: .fallback(reason: ""), in: question)
        #expect(try remembered(next) == nil)
        // The conversation had another adapter before: it goes on with that.
        _ = try decide(Self.turns(last: rivers))
        let (second, turn) = try decide(Self.turns(rivers, last: files))
        #expect(second.adapter == "bash")
        dispatcher.replace("bash", by: .fallback(reason: ""), in: turn)
        #expect(try remembered(Self.turns(rivers, files, last: neither)) == "sql")
        // A canary gives way to its adapter for the rest of the conversation.
        let (drawn, start) = try decide(Self.turns(last: files), Self.canary(1))
        #expect(drawn.adapter == "bash-2")
        dispatcher.replace("bash-2", by: RouteDecision(adapter: "bash", route: .matched, reason: ""), in: start)
        let after = try decide(Self.turns(files, last: "count the lines of these files"), Self.canary(1)).0
        #expect(after.adapter == "bash" && after.notes.canary?.isChosen == false)
        // Another adapter's failure changes nothing.
        dispatcher.replace("sql", by: .fallback(reason: ""), in: start)
        #expect(try remembered(next) == "bash")
    }

    @Test func aShareOfTheRequestsGoesToTheNewVersion() throws {
        let dispatcher = try Self.dispatcher()
        let rules = Self.canary(0.2)
        var chosen = 0
        for number in 0..<400 {
            let decision = try dispatcher.decide(RouteQuestion(.text(files), requestID: "r\(number)"), rules: rules)
            if decision.adapter == "bash-2" { chosen += 1 }
            #expect(decision.json["canary"]?["of"] == "bash")
            #expect(decision.notes.canary?.isChosen == (decision.adapter == "bash-2"))
            #expect(decision.notes.timeoutMilliseconds == 9)
            #expect(try dispatcher.decide(RouteQuestion(.text(files), requestID: "r\(number)"), rules: rules).adapter == decision.adapter)
        }
        // Of 400 draws at 0.2, 80 with a deviation of 8; the draws are fixed by the ids.
        #expect((50...110).contains(chosen), "\(chosen)")
        #expect(try dispatcher.decide(RouteQuestion(.text(files), requestID: "r"), rules: Self.canary(0)).adapter == "bash")
        let all = try dispatcher.decide(RouteQuestion(.text(files), requestID: "r"), rules: Self.canary(1))
        #expect(all.adapter == "bash-2" && all.route == .matched)
        #expect(all.reason.contains("bash-2 answers as the version that 100 % of bash's requests get (drawn by request id)"))
    }

    @Test func aUserGetsTheSameVersionEachTimeAndOthersNone() throws {
        let dispatcher = try Self.dispatcher()
        for user in ["ann", "bob", "cem", "dan", "eve", "fay"] {
            let first = try dispatcher.decide(RouteQuestion(.text(files), requestID: "a", user: user), rules: Self.canary(0.5)).adapter
            for id in ["b", "c", "d", "e"] {
                #expect(try dispatcher.decide(RouteQuestion(.text(files), requestID: id, user: user), rules: Self.canary(0.5)).adapter == first)
            }
        }
        var rules = Self.canary(1)
        rules.restricted["bash-2"] = RouteAccess(deny: .init(keys: ["team-b"]))
        #expect(try dispatcher.decide(RouteQuestion(.text(files), caller: Caller(key: "team-b")), rules: rules).adapter == "bash")
        #expect(try dispatcher.decide(RouteQuestion(.text(files), caller: Caller(key: "team-a")), rules: rules).adapter == "bash-2")
        rules.served["bash-2"] = nil
        #expect(try dispatcher.decide(RouteQuestion(.text(files), caller: Caller(key: "team-a")), rules: rules).adapter == "bash")
    }

    // MARK: Conversations

    @Test func aConversationStaysUntilTheEvidenceMovesClearly() throws {
        let dispatcher = try Self.dispatcher { $0.stickyMargin = 0.45 }
        func ask(_ messages: [ChatMessage], user: String? = nil, threshold: Double? = nil) throws -> RouteDecision {
            try dispatcher.decide(RouteQuestion(.messages(messages), threshold: threshold, user: user, isServed: true), rules: Self.rules)
        }
        #expect(try ask([ChatMessage(role: "user", content: files)]).adapter == "bash")
        // Alone below its threshold, but not by much.
        let weak = "the largest of them"
        let own = try #require(try Self.dispatcher().decide(RouteQuestion(.text(weak)), rules: Self.rules).candidates.first { $0.adapter == "bash" })
        let alone = min(own.probability + 0.1, 1)
        let follow = Self.turns(files, last: weak)
        let stays = try ask(follow, threshold: alone)
        #expect(stays.adapter == "bash" && stays.route == .matched)
        #expect(stays.reason.hasPrefix("stays on bash: "))
        #expect(stays.json["conversation"] == ["adapter": "bash", "stays": true])
        #expect(try ask(follow, user: "somebody else", threshold: alone).adapter != "bash")
        // The whole conversation is remembered, and a clear change of subject changes the adapter.
        let moved = try ask(Self.turns(files, weak, last: rivers))
        #expect(moved.adapter == "sql")
        #expect(moved.json["conversation"] == ["adapter": "bash", "stays": false])
        #expect(try ask(Self.turns(files, weak, rivers, last: rivers)).notes.conversation == .init(adapter: "sql", stays: false))
        // Small talk falls back, and what comes after it still belongs to the conversation.
        let left = try #require(try Self.dispatcher().decide(RouteQuestion(.text(neither)), rules: Self.rules).candidates.first { $0.adapter == "bash" })
        #expect(try ask(Self.turns(files, last: neither), threshold: 1).adapter == (left.probability >= 1 - 0.45 ? "bash" : nil))
        #expect(try ask(Self.turns(files, neither, last: rivers)).notes.conversation == .init(adapter: "bash", stays: false))
    }

    @Test func aMarginOfNothingDecidesEachTurnAlone() throws {
        let dispatcher = try Self.dispatcher { $0.stickyMargin = 0 }
        for messages in [[ChatMessage(role: "user", content: files)], Self.turns(files, last: rivers)] {
            let decision = try dispatcher.decide(RouteQuestion(.messages(messages), isServed: true), rules: Self.rules)
            #expect(decision.notes.conversation == nil)
        }
    }

    @Test func asIfQuestionsAreNotRemembered() throws {
        let dispatcher = try Self.dispatcher()
        _ = try dispatcher.decide(RouteQuestion(.messages([ChatMessage(role: "user", content: files)])), rules: Self.rules)
        #expect(
            try dispatcher.decide(RouteQuestion(.messages(Self.turns(files, last: rivers))), rules: Self.rules).notes.conversation == nil)
    }

    @Test func aConversationKeepsTheVersionThatItDrew() throws {
        let dispatcher = try Self.dispatcher()
        func ask(_ messages: [ChatMessage], _ id: String, _ weight: Double) throws -> RouteDecision {
            try dispatcher.decide(RouteQuestion(.messages(messages), requestID: id, isServed: true), rules: Self.canary(weight))
        }
        #expect(try ask([ChatMessage(role: "user", content: files)], "x", 1).adapter == "bash-2")
        let next = try ask(Self.turns(files, last: "find large files in the folder"), "y", 0.0001)
        #expect(next.adapter == "bash-2" && next.reason.contains("as the conversation before"))
        #expect(try ask(Self.turns(files, last: "find large files in the folder"), "y", 0).adapter == "bash")
    }

    @Test func memoryIsBoundedAndKeepsWhatIsUsed() throws {
        let memory = ConversationMemory(capacity: 8)
        func key(_ text: String) throws -> ConversationMemory.Key { try #require(.init([text][...], of: RouteQuestion(.text(text)))) }
        let used = try key("used")
        memory.remember(used, .init(adapter: "a", version: "a"))
        for number in 0..<100 {
            memory.remember(try key("\(number)"), .init(adapter: "b", version: "b"))
            #expect(memory[used]?.adapter == "a")
            #expect(memory.count <= 8)
        }
        #expect(memory[try key("0")] == nil)
        #expect(memory[try key("99")]?.adapter == "b")
        #expect(ConversationMemory.Key([], of: RouteQuestion(.text(""))) == nil)
    }

    // MARK: The language model

    @Test func theLanguageModelIsAskedWhenThePolicySaysSo() throws {
        var rules = Self.rules
        rules.descriptions["bash"] = "Shell commands."
        let request = RouteQuestion(.text(files))
        #expect(try Self.dispatcher().consider(request, rules: rules).question == nil)
        let sure = try Self.dispatcher { $0.languageModel = .unsure; $0.unsureMargin = 0.001 }
        #expect(try sure.consider(request, rules: rules).question == nil)
        let dispatcher = try Self.dispatcher { $0.languageModel = .always }
        let consideration = try dispatcher.consider(request, rules: rules)
        let question = try #require(consideration.question)
        #expect(question.options.map(\.name) == ["bash", "sql"])
        #expect(question.options[0].description == "Shell commands." && question.options[0].examples.count == 2)
        func conclude(_ choice: String?, failure: String? = nil) -> RouteDecision {
            dispatcher.conclude(
                consideration, judgement: .init(choice: choice, probability: 0.6, failure: failure, milliseconds: 3), rules: rules)
        }
        #expect(conclude("sql").adapter == "sql")
        #expect(conclude("sql").reason.hasSuffix("and the language model chose sql"))
        #expect(conclude("sql").json["language_model"]?["choice"] == "sql")
        #expect(conclude(nil).route == .fallback)
        #expect(conclude(nil, failure: "too late").adapter == "bash")
        #expect(conclude(nil, failure: "too late").json["language_model"]?["failure"] == "too late")
    }
}
