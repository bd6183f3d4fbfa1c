import Testing

import Files

@testable import Adapters

/// The state machine alone: no files, no threads.
@Suite struct StoreStateTests {
    typealias State = StoreState<Int>

    static func fingerprint(_ number: Int) -> FolderFingerprint {
        var stamps = FolderFingerprint()
        stamps.stamps["adapter_model.safetensors"] = FileStamp(number: number)
        return stamps
    }

    static func ready(_ bytes: Int) -> State.Finding {
        .ready(.init(summary: AdapterSummary(family: "lora"), byteCount: bytes, hasChatTemplate: false))
    }

    static func settling(_ bytes: Int) -> State.Finding {
        .settling(.init(summary: AdapterSummary(family: "lora"), byteCount: bytes, hasChatTemplate: false))
    }

    static let pending = State.Finding.notReady(AdapterError(.notReady, "half"))
    static let bad = State.Finding.rejected(AdapterError(.noEffect, "zero"))

    /// What must hold after every operation.
    static func check(_ state: State, pinned: [Int: Int]) {
        for (number, resident) in state.residents {
            #expect(resident.pins == pinned[number] ?? 0)
            #expect(resident.isListed || resident.pins > 0, "an unlisted resident lives by its pins")
            if resident.isListed { #expect(state.entries[resident.name]?.resident == number) }
        }
        for entry in state.entries.values {
            if let number = entry.resident { #expect(state.residents[number]?.isListed == true) }
        }
        for number in pinned.keys { #expect(state.residents[number] != nil, "what is pinned stays") }
        let idle = state.residents.values.filter { $0.pins == 0 }
        #expect(idle.allSatisfy(state.isKept) || state.residentBytes <= state.budgetBytes, "what no request holds fits the budget")
        #expect(idle.filter(state.isKept).reduce(0) { $0 + $1.byteCount } <= state.budgetBytes, "what is kept has a bound")
    }

    /// Random folders, requests, loads that end late or badly, and releases.
    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8].map { UInt64($0) } + [UInt64.random(in: 100...1_000_000)])
    func keepsItsInvariants(seed: UInt64) {
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        var state = State(budgetBytes: 100)
        var pinned: [Int: Int] = [:]
        var loads: [State.Load] = []
        var alive: Set<Int> = []
        var lastPayload = 0
        func letGo(_ dropped: [Int]) {
            for payload in dropped { #expect(alive.remove(payload) != nil, "a payload is let go of once") }
        }
        /// Versions that serve, by name.
        func serving() -> [String: Int] { state.entries.compactMapValues(\.resident) }
        for _ in 0..<3_000 {
            let name = ["a", "b", "c", "d", "e"].randomElement(using: &random) ?? "a"
            switch Int.random(in: 0..<11, using: &random) {
            case 10: letGo(state.drop(name))
            case 0:
                let bytes = Int.random(in: 1...60, using: &random)
                let finding = [Self.ready(bytes), Self.settling(bytes), Self.pending, Self.bad].randomElement(using: &random)
                let before = serving()
                let observed = state.observe(
                    name, fingerprint: Self.fingerprint(Int.random(in: 0..<4, using: &random)), finding: finding ?? Self.bad)
                letGo(observed.dropped)
                if let load = observed.replacement { loads.append(load) }
                #expect(serving() == before, "what a scan finds takes nothing out of service")
            case 1: letGo(state.forget(name))
            case 2...4:
                let (acquired, dropped) = state.acquire(name)
                letGo(dropped)
                switch acquired {
                case .pinned(let number, let payload):
                    #expect(alive.contains(payload))
                    pinned[number, default: 0] += 1
                case .load(let load): loads.append(load)
                case .replace(let load, let number, let payload):
                    #expect(alive.contains(payload))
                    pinned[number, default: 0] += 1
                    loads.append(load)
                default: break
                }
            case 5...6:
                guard let index = loads.indices.randomElement(using: &random) else { continue }
                let load = loads.remove(at: index)
                if Bool.random(using: &random) && Bool.random(using: &random) {
                    let before = serving()
                    let code = [AdapterError.Code.notReady, .noEffect, .unavailable].randomElement(using: &random)
                    state.fail(load, AdapterError(code ?? .noEffect, "x"))
                    #expect(serving() == before, "a load that fails takes nothing out of service")
                    letGo(state.evict())
                    break
                }
                lastPayload += 1
                alive.insert(lastPayload)
                let later = Int.random(in: 0..<4, using: &random) == 0
                let (number, dropped) = state.finish(
                    load,
                    loaded: .init(
                        payload: lastPayload, version: "v\(lastPayload)", byteCount: load.byteCount,
                        fingerprint: later ? Self.fingerprint(9) : load.fingerprint),
                    milliseconds: 1)
                pinned[number] = 1
                letGo(dropped)
                if state.entries[load.name]?.ticket == nil, let listed = state.entries[load.name]?.resident {
                    #expect(state.residents[listed] != nil)
                }
            default:
                guard let number = pinned.keys.sorted().randomElement(using: &random) else { continue }
                letGo(state.release(number))
                pinned[number] = pinned[number].flatMap { $0 > 1 ? $0 - 1 : nil }
            }
            Self.check(state, pinned: pinned)
            #expect(alive.count == state.residents.count)
        }
        for (number, count) in pinned { for _ in 0..<count { letGo(state.release(number)) } }
        for name in state.entries.keys { letGo(state.forget(name)) }
        #expect(alive.isEmpty && state.residents.isEmpty, "nothing is leaked")
    }

    static func load(_ state: inout State, _ name: String, _ payload: Int) -> (resident: Int, dropped: [Int])? {
        let (acquired, made) = state.acquire(name)
        guard case .load(let load) = acquired else { return nil }
        let (number, dropped) = state.finish(
            load, loaded: .init(payload: payload, version: "v\(payload)", byteCount: load.byteCount, fingerprint: load.fingerprint),
            milliseconds: 1)
        return (number, made + dropped)
    }

    @Test func evictsTheLongestUnused() throws {
        var state = State(budgetBytes: 100)
        for name in ["a", "b", "c", "d"] { _ = state.observe(name, fingerprint: Self.fingerprint(1), finding: Self.ready(40)) }
        let a = try #require(Self.load(&state, "a", 1))
        let b = try #require(Self.load(&state, "b", 2))
        #expect(state.release(a.resident).isEmpty && state.release(b.resident).isEmpty)
        guard case (.pinned(let again, 1), []) = state.acquire("a") else { return #expect(Bool(false), "a is resident") }
        #expect(state.release(again).isEmpty)
        let c = try #require(Self.load(&state, "c", 3))
        #expect(c.dropped == [2], "b was used before a")
        #expect(state.counters.evictions == 1)
        // Everything pinned: over the budget, and back within it with the first release.
        guard case (.pinned(let held, 1), []) = state.acquire("a") else { return #expect(Bool(false), "a is resident") }
        let d = try #require(Self.load(&state, "d", 4))
        #expect(d.dropped.isEmpty && state.residentBytes == 120)
        #expect(state.release(held) == [1])
    }

    @Test func aReplacementServesTheOldVersionUntilItIsWhole() throws {
        var state = State(budgetBytes: 100)
        _ = state.observe("a", fingerprint: Self.fingerprint(1), finding: Self.ready(10))
        let first = try #require(Self.load(&state, "a", 1))
        #expect(state.observe("a", fingerprint: Self.fingerprint(2), finding: Self.pending).replacement == nil)
        #expect(state.status("a", folder: "")?.state.name == "stale" && state.status("a", folder: "")?.isServable == true)
        #expect(state.status("a", folder: "")?.pendingReplacement != nil)
        guard case (.pinned(let second, 1), []) = state.acquire("a") else { return #expect(Bool(false), "the old one serves") }
        let load = try #require(state.observe("a", fingerprint: Self.fingerprint(3), finding: Self.ready(10)).replacement)
        guard case (.pinned(let third, 1), []) = state.acquire("a") else { return #expect(Bool(false), "the old one serves until then") }
        #expect(state.release(third).isEmpty)
        let new = state.finish(
            load, loaded: .init(payload: 2, version: "v2", byteCount: 10, fingerprint: load.fingerprint), milliseconds: 1)
        #expect(state.status("a", folder: "")?.version == "v2")
        #expect(state.status("a", folder: "")?.pins == 3)
        #expect(state.release(first.resident).isEmpty)
        #expect(state.release(second) == [1], "the old version goes with its last pin")
        #expect(state.release(new.resident).isEmpty)
    }

    @Test func aReplacementThatDoesNotLoadLeavesTheGoodVersion() throws {
        var state = State(budgetBytes: 100)
        _ = state.observe("a", fingerprint: Self.fingerprint(1), finding: Self.ready(60))
        let first = try #require(Self.load(&state, "a", 1))
        #expect(state.release(first.resident).isEmpty)
        let load = try #require(state.observe("a", fingerprint: Self.fingerprint(2), finding: Self.ready(60)).replacement)
        state.fail(load, AdapterError(.nonFinite, "NaN"))
        guard case .stale(let reason)? = state.status("a", folder: "")?.state else { return #expect(Bool(false), "an older version serves") }
        #expect(reason.message.contains("version v1") && reason.message.contains("NaN"))
        // Others come and go within the budget; what could not be read again stays.
        _ = state.observe("b", fingerprint: Self.fingerprint(1), finding: Self.ready(60))
        let other = try #require(Self.load(&state, "b", 2))
        #expect(other.dropped.isEmpty && state.release(other.resident) == [2])
        guard case (.pinned(let again, 1), []) = state.acquire("a") else { return #expect(Bool(false), "the good version serves") }
        #expect(state.release(again).isEmpty)
        // Until its folder is gone, or it is dropped.
        #expect(state.drop("a") == [1])
        guard case (.refused(let error), []) = state.acquire("a") else { return #expect(Bool(false), "nothing serves") }
        #expect(error.code == .nonFinite)
    }

    @Test func whatIsKeptFitsTheBudget() throws {
        var state = State(budgetBytes: 100)
        for (payload, name) in ["a", "b", "c"].enumerated() {
            _ = state.observe(name, fingerprint: Self.fingerprint(1), finding: Self.ready(40))
            let loaded = try #require(Self.load(&state, name, payload))
            _ = state.observe(name, fingerprint: Self.fingerprint(2), finding: Self.bad)
            #expect(state.release(loaded.resident) == (name == "c" ? [0] : []), "the longest unused one leaves")
        }
        #expect(state.status("a", folder: "")?.state.name == "rejected" && state.status("b", folder: "")?.state.name == "stale")
    }

    @Test func aProblemIsReportedOnceAndNotWhileFilesArrive() {
        var state = State(budgetBytes: 100)
        let patience = State.Patience(AdapterLimits())
        let second: Int64 = 1_000_000_000
        func observe(_ number: Int, _ finding: State.Finding, _ now: Int64) {
            _ = state.observe("a", fingerprint: Self.fingerprint(number), finding: finding, needsProbe: true, now: now * second)
        }
        func complaint(_ now: Int64) -> State.Complaint? { state.complaint("a", patience: patience, now: now * second) }
        observe(1, Self.pending, 10)
        observe(2, Self.pending, 12)
        #expect(complaint(14) == nil, "it changed two seconds ago")
        #expect(state.nextComplaint(patience: patience) == 15 * second)
        observe(2, Self.pending, 15)
        #expect(complaint(15) == .stalled(AdapterError(.notReady, "half")))
        #expect(complaint(16) == nil && state.nextComplaint(patience: patience) == nil)
        #expect(state.status("a", folder: "")?.unusableSince == 10)
        observe(3, .notReady(AdapterError(.io, "no access")), 20)
        #expect(complaint(21) == .stalled(AdapterError(.io, "no access")), "what cannot be read does not arrive by waiting")
        observe(4, Self.ready(1), 30)
        #expect(complaint(40) == nil && state.status("a", folder: "")?.unusableSince == nil)
    }

    @Test func aLoadIsSharedAndItsFailureToo() {
        var state = State(budgetBytes: 100)
        _ = state.observe("a", fingerprint: Self.fingerprint(1), finding: Self.ready(10))
        guard case (.load(let load), _) = state.acquire("a") else { return #expect(Bool(false), "nothing is resident") }
        guard case (.wait(let ticket), _) = state.acquire("a") else { return #expect(Bool(false), "one load at a time") }
        #expect(ticket == load.ticket)
        state.fail(load, AdapterError(.noEffect, "zero"))
        guard case (.refused(let error), _) = state.acquire("a") else { return #expect(Bool(false), "it stays refused") }
        #expect(error.code == .noEffect)
        #expect(state.counters.failedLoads == 1)
    }
}

extension FileStamp {
    init(number: Int) {
        self.init(device: 0, inode: UInt64(number), size: number, modifiedNanoseconds: 0, changedNanoseconds: 0)
    }
}
