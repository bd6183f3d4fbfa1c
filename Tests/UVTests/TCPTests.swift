import Glibc
import Testing
@testable import UV

@Suite struct TCPTests {
    @Test @LoopActor func aTakenPortIsAnErrorThatSaysSo() throws {
        let first = try TCPListener(SocketAddress(host: "127.0.0.1", port: 0)) { $0.close() }
        defer { first.close() }
        #expect(first.address.port > 0)
        do throws(UVError) {
            try TCPListener(first.address) { $0.close() }.close()
            Issue.record("two listeners on one port")
        } catch {
            #expect(error.code == .addressInUse)
            #expect(error.message.contains(first.address.description))
        }
    }

    @Test(arguments: [("127.0.0.1", 70_000), ("256.1.1.1", 0), ("192.0.2.1", 0), ("no such host.invalid", 0)])
    @LoopActor func badAddressesAreErrors(host: String, port: Int) {
        #expect(throws: UVError.self) { try TCPListener(SocketAddress(host: host, port: port)) { $0.close() }.close() }
    }

    @Test @LoopActor func aConnectionThatCannotBeAcceptedAtFirstIsAcceptedLaterAndToldOnce() async throws {
        var failures = 3
        var told: [UVError] = []
        var accepted = 0
        let listener = try TCPListener(
            SocketAddress(host: "127.0.0.1", port: 0), failed: { told.append($0) },
            makeConnection: { () throws(UVError) in
                if failures > 0 {
                    failures -= 1
                    throw UVError(.limitExceeded, "no descriptors")
                }
                return try TCPConnection()
            }, handler: { connection in
                accepted += 1
                connection.close()
            })
        defer { listener.close() }
        let clients = try (0..<5).map { _ in try Self.connect(listener.address.port) }
        defer { for client in clients { close(client) } }
        for _ in 0..<120_000 where accepted < 5 { try await Task.sleep(for: .milliseconds(10)) }
        #expect(accepted == 5)
        #expect(told == [UVError(.limitExceeded, "no descriptors")])
    }

    private static func connect(_ port: Int) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(status == 0)
        return descriptor
    }

    @Test func descriptorsAreKeptBackForFiles() {
        #expect(DescriptorLimit.forConnections(of: 1_024) == 768)
        #expect(DescriptorLimit.forConnections(of: 65_536) == 65_280)
        #expect(DescriptorLimit.forConnections(of: 64) == 32)
        #expect(DescriptorLimit.target(hard: 4_096) == 4_096)
        #expect(DescriptorLimit.target(hard: .max) == 65_536)
    }

    @Test @LoopActor func namesAreResolved() throws {
        let listener = try TCPListener(SocketAddress(host: "localhost", port: 0)) { $0.close() }
        #expect(["127.0.0.1", "::1"].contains(listener.address.host))
        listener.close()
        listener.close()
        #expect(listener.isClosing)
    }
}
