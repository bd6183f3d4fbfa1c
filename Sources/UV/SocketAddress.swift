internal import CUV
internal import Glibc

/// An IPv4 or IPv6 address and port.
public struct SocketAddress: Sendable, Hashable, CustomStringConvertible {
    /// Numeric, without brackets.
    public var host: String
    public var port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Whether only this machine can reach the address.
    public var isLoopback: Bool {
        host.hasPrefix("127.") || host == "::1" || host == "localhost" || host.lowercased().hasPrefix("::ffff:127.")
    }

    /// Resolves `host`, a number or a name. A name is looked up synchronously: for start-up, not for requests.
    func withResolved<Result>(
        _ body: (UnsafePointer<sockaddr>) throws(UVError) -> Result
    ) throws(UVError) -> Result {
        guard let port16 = UInt16(exactly: port) else {
            throw UVError(.addressNotAvailable, "\(port) is not a port: ports are 0 to 65535")
        }
        var storage = sockaddr_storage()
        try resolve(port: port16, into: &storage)
        do {
            return try withUnsafePointer(to: &storage) { pointer in
                try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { try body($0) }
            }
        } catch let error as UVError {
            throw error
        } catch {
            throw UVError(.other, "\(error)")
        }
    }

    private func resolve(port: UInt16, into storage: inout sockaddr_storage) throws(UVError) {
        let numeric = withUnsafeMutablePointer(to: &storage) { pointer -> Bool in
            let raw = UnsafeMutableRawPointer(pointer)
            return uv_ip4_addr(host, CInt(port), raw.assumingMemoryBound(to: sockaddr_in.self)) == 0
                || uv_ip6_addr(host, CInt(port), raw.assumingMemoryBound(to: sockaddr_in6.self)) == 0
        }
        if numeric { return }

        var request = uv_getaddrinfo_t()
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        let status = uv_getaddrinfo(LoopExecutor.shared.loop, &request, nil, host, String(port), &hints)
        guard status == 0, let first = request.addrinfo else { throw UVError(status, "find the address of \(host)") }
        defer { uv_freeaddrinfo(first) }
        let length = min(Int(first.pointee.ai_addrlen), MemoryLayout<sockaddr_storage>.size)
        guard let address = first.pointee.ai_addr else { throw UVError(.notFound, "no address of \(host)") }
        withUnsafeMutableBytes(of: &storage) { $0.baseAddress?.copyMemory(from: address, byteCount: length) }
    }

    /// From what the system filled in; nil for families other than IPv4 and IPv6.
    init?(_ storage: sockaddr_storage) {
        var storage = storage
        var name = [CChar](repeating: 0, count: 64)
        let found: (CInt, UInt16)? = withUnsafeMutablePointer(to: &storage) { pointer in
            let raw = UnsafeMutableRawPointer(pointer)
            switch CInt(pointer.pointee.ss_family) {
            case AF_INET:
                let address = raw.assumingMemoryBound(to: sockaddr_in.self)
                return (uv_ip4_name(address, &name, name.count), UInt16(bigEndian: address.pointee.sin_port))
            case AF_INET6:
                let address = raw.assumingMemoryBound(to: sockaddr_in6.self)
                return (uv_ip6_name(address, &name, name.count), UInt16(bigEndian: address.pointee.sin6_port))
            default:
                return nil
            }
        }
        guard let found, found.0 == 0 else { return nil }
        let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        self.init(host: String(decoding: bytes, as: UTF8.self), port: Int(found.1))
    }
}
