import Testing

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
            if case .rejected = entry.finding { #expect(entry.resident == nil, "what is refused is not served") }
        }
        for number in pinned.keys { #expect(state.residents[number] != nil, "what is pinned stays") }
        let idle = state.residents.values.filter { $0.pins == 0 }
        #expect(idle.isEmpty || state.residentBytes <= state.budgetBytes, "what nobody holds fits the budget")
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
        for _ in 0..<3_000 {
            let name = ["a", "b", "c", "d", "e"].randomElement(using: &random) ?? "a"
            switch Int.random(in: 0..<11, using: &random) {
            case 10: letGo(state.drop(name))
            case 0:
                let finding = [Self.ready(Int.random(in: 1...60, using: &random)), Self.pending, Self.bad].randomElement(using: &random)
                letGo(state.observe(name, fingerprint: Self.fingerprint(Int.random(in: 0..<4, using: &random)), finding: finding ?? Self.bad))
            case 1: letGo(state.forget(name))
            case 2...4:
                let (acquired, dropped) = state.acquire(name)
                letGo(dropped)
                switch acquired {
                case .pinned(let number, let payload):
                    #expect(alive.contains(payload))
                    pinned[number, default: 0] += 1
                case .load(let load): loads.append(load)
                default: break
                }
            case 5...6:
                guard let index = loads.indices.randomElement(using: &random) else { continue }
                let load = loads.remove(at: index)
                if Bool.random(using: &random) && Bool.random(using: &random) {
                    state.fail(load, AdapterError(Bool.random(using: &random) ? .notReady : .noEffect, "x"))
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
        #expect(state.observe("a", fingerprint: Self.fingerprint(2), finding: Self.pending).isEmpty)
        #expect(state.status("a", folder: "")?.state == .resident)
        #expect(state.status("a", folder: "")?.pendingReplacement != nil)
        guard case (.pinned(let second, 1), []) = state.acquire("a") else { return #expect(Bool(false), "the old one serves") }
        #expect(state.observe("a", fingerprint: Self.fingerprint(3), finding: Self.ready(10)).isEmpty)
        let new = try #require(Self.load(&state, "a", 2))
        #expect(state.status("a", folder: "")?.version == "v2")
        #expect(state.status("a", folder: "")?.pins == 3)
        #expect(state.release(first.resident).isEmpty)
        #expect(state.release(second) == [1], "the old version goes with its last pin")
        #expect(state.release(new.resident).isEmpty)
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
