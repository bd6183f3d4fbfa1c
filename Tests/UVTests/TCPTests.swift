import Testing
import UV

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

    @Test @LoopActor func namesAreResolved() throws {
        let listener = try TCPListener(SocketAddress(host: "localhost", port: 0)) { $0.close() }
        #expect(["127.0.0.1", "::1"].contains(listener.address.host))
        listener.close()
        listener.close()
        #expect(listener.isClosing)
    }
}
