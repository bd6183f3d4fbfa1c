import Foundation
import Hub
import HubSupport
import Synchronization
import TestSupport
import Testing

/// What happens to a file when the server or the connection fails.
@Suite struct ResumeTests {
    /// The ranges that were asked for the weights; empty for the whole file.
    private func ranges(_ bench: HubBench) -> [String] { bench.server.requests.filter(HubBench.isWeights).map { $0.headers["range"] ?? "" } }

    /// A fault for the n-th request of the weights' bytes.
    private func fault(_ answers: @escaping @Sendable (Int, HubRequestLine) -> HubAnswer?) -> HubServer.Fault {
        let count = CallCount()
        return { request in HubBench.isWeights(request) ? answers(count.next(), request) : nil }
    }

    private var isRight: (HubBench) throws -> Bool { { try $0.folder.read($0.weightsBlob) == HubBench.weights } }

    @Test func aBrokenBodyIsResumedWhereItBroke() throws {
        let bench = try HubBench()
        bench.server.set(fault: fault { number, request in number < 3 ? HubAnswer(HubBench.weights, for: request).cut(after: 100_000) : nil })
        try bench.pull()
        #expect(try isRight(bench) && ranges(bench) == ["", "bytes=100000-", "bytes=200000-", "bytes=300000-"])
        #expect(bench.waits == [1_000, 1_000, 1_000], "an attempt that brought bytes begins the waits anew")
    }

    @Test func anInterruptedRunIsContinuedByTheNext() throws {
        let bench = try HubBench()
        let isOver = CallCount()
        bench.server.set(fault: fault { number, request in
            guard number == 0 else { return nil }
            _ = isOver.next()
            return HubAnswer(HubBench.weights, for: request).cut(after: 300_000)
        })
        let error = try #require(throws: HubError.self) { try bench.hub(isInterrupted: { isOver.value > 0 }).pull(HubReference("acme/tiny")) }
        #expect(error.code == .interrupted)
        #expect(!bench.folder.exists(bench.weightsBlob) && !bench.folder.exists("\(bench.repository)/refs/main"))
        let left = try bench.folder.read("\(bench.weightsBlob).incomplete").count
        #expect(left <= 300_000)
        try bench.pull()
        #expect(try isRight(bench) && ranges(bench).last == (left > 0 ? "bytes=\(left)-" : ""))
        #expect(!bench.folder.exists("\(bench.weightsBlob).incomplete"))
    }

    @Test func aServerThatIgnoresRangesSendsItAllAgain() throws {
        let bench = try HubBench()
        try bench.folder.write(Array(HubBench.weights.prefix(1_000)), to: "\(bench.weightsBlob).incomplete")
        bench.server.set(fault: fault { _, _ in HubAnswer(status: 200, body: HubBench.weights) })
        try bench.pull()
        #expect(try isRight(bench) && ranges(bench) == ["bytes=1000-"])
        #expect(bench.events.contains { if case .restarted = $0 { true } else { false } })
    }

    @Test func bytesOfAnotherFileAreFoundByTheHashAndFetchedOnceMore() throws {
        let bench = try HubBench()
        try bench.folder.write([UInt8](repeating: 7, count: 1_000), to: "\(bench.weightsBlob).incomplete")
        try bench.pull()
        #expect(try isRight(bench) && ranges(bench) == ["bytes=1000-", ""])
    }

    @Test func moreBytesThanTheFileHasAreForgotten() throws {
        let bench = try HubBench()
        try bench.folder.write([UInt8](repeating: 7, count: HubBench.weights.count + 1), to: "\(bench.weightsBlob).incomplete")
        try bench.pull()
        #expect(try isRight(bench) && ranges(bench) == [""])
    }

    @Test func aRangeThatTheServerRefusesIsDiscarded() throws {
        let bench = try HubBench()
        try bench.folder.write(Array(HubBench.weights.prefix(1_000)), to: "\(bench.weightsBlob).incomplete")
        bench.server.set(fault: fault { number, _ in number == 0 ? HubAnswer(status: 416) : nil })
        try bench.pull()
        #expect(try isRight(bench) && ranges(bench) == ["bytes=1000-", ""])
    }

    @Test func anotherPartThanTheOneThatWasAskedForIsNotUsed() throws {
        let bench = try HubBench()
        try bench.folder.write(Array(HubBench.weights.prefix(1_000)), to: "\(bench.weightsBlob).incomplete")
        bench.server.set(fault: fault { number, _ in
            number == 0 ? HubAnswer(status: 206, headers: ["Content-Range: bytes 0-9/700000"], body: Array(HubBench.weights.prefix(10))) : nil
        })
        try bench.pull()
        #expect(try isRight(bench) && ranges(bench) == ["bytes=1000-", ""])
    }

    @Test func aWrongHashTwiceIsCorruptAndLeavesNothing() throws {
        let bench = try HubBench()
        var wrong = HubBench.weights
        wrong[5] ^= 1
        bench.server.set(fault: fault { [wrong] _, request in HubAnswer(wrong, for: request) })
        #expect(try bench.refusal()?.code == .corrupt)
        #expect(ranges(bench) == ["", ""] && !bench.folder.exists(bench.weightsBlob) && !bench.folder.exists("\(bench.repository)/refs/main"))
        #expect(try bench.folder.read("\(bench.weightsBlob).incomplete").isEmpty)
    }

    @Test func aBodyThatDoesNotEndIsCutOff() throws {
        let bench = try HubBench()
        bench.server.set(fault: fault { _, _ in HubAnswer(status: 200, body: HubBench.weights + HubBench.weights) })
        let refusal = try bench.refusal()
        #expect(refusal?.code == .malformed && refusal?.message.contains("more than the 700000 bytes") == true)
    }

    @Test func aCompressedBodyIsRefused() throws {
        let bench = try HubBench()
        bench.server.set(fault: fault { _, _ in HubAnswer(status: 200, headers: ["Content-Encoding: gzip"], body: [0x1F, 0x8B]) })
        #expect(try bench.refusal()?.message.contains("compresses") == true)
    }

    @Test(arguments: [408, 429, 500, 502, 503])
    func statusesThatPassAreTriedAgainWithLongerWaits(status: Int) throws {
        let bench = try HubBench()
        let count = CallCount()
        bench.server.set(fault: { _ in count.next() < 2 ? HubAnswer(status: status) : nil })
        try bench.pull()
        #expect(bench.waits == [1_000, 2_000])
        bench.server.set(fault: { _ in HubAnswer(status: status) })
        #expect(try bench.refusal() != nil)
        #expect(bench.waits.count == 2 + 5, "six attempts in all")
    }

    @Test func theServerMaySayHowLongToWait() throws {
        let bench = try HubBench()
        let count = CallCount()
        bench.server.set(fault: { _ in
            switch count.next() {
            case 0: HubAnswer(status: 429, headers: ["Retry-After: 17"])
            case 1: HubAnswer(status: 429, headers: ["RateLimit: \"api\";r=0;t=9"])
            default: nil
            }
        })
        try bench.pull()
        #expect(bench.waits == [17_000, 9_000])
        bench.server.set(fault: { _ in HubAnswer(status: 429, headers: ["Retry-After: 86400"]) })
        let refusal = try bench.refusal()
        #expect(refusal?.code == .rateLimited && refusal?.message.contains("86400 s") == true && bench.waits.count == 2)
    }

    @Test func aServerThatIsNotThereIsSaid() throws {
        let bench = try HubBench()
        var settings = HubSettings(cache: bench.cache)
        settings.endpoint = "http://127.0.0.1:1"
        let hub = Hub(settings, sleep: { _ in })
        let error = try #require(throws: HubError.self) { try hub.pull(HubReference("acme/tiny")) }
        #expect(error.code == .unreachable && error.message.contains("HF_HUB_OFFLINE"))
    }

    @Test func aDamagedContentOfTheCacheIsFetchedAgain() throws {
        let bench = try HubBench()
        try bench.pull()
        var wrong = HubBench.weights
        wrong[9] ^= 1
        try bench.folder.write(wrong, to: bench.weightsBlob)
        #expect(try bench.pull().fetchedFiles == 1)
        #expect(try isRight(bench))
    }

    /// As two processes do: one fetches, the other waits for its lock and finds the file.
    @Test func twoClientsAtOnceFetchEachFileOnce() async throws {
        let bench = try HubBench()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 { group.addTask { try bench.pull() } }
            try await group.waitForAll()
        }
        #expect(bench.fetched.count == 5 && Set(bench.fetched).count == 5)
        #expect(try isRight(bench))
    }
}

/// Counts calls from several threads.
final class CallCount: Sendable {
    private let count = Mutex(0)

    var value: Int { count.withLock { $0 } }

    func next() -> Int {
        count.withLock { count in
            count += 1
            return count - 1
        }
    }
}
