import Foundation

/// A listening socket on a free port of this machine, with a thread for each connection. It writes answers byte by byte as a test wants
/// them, which no server with manners would.
final class TestSocket: Sendable {
    let port: Int
    private let descriptor: Int32

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw POSIXError(.EMFILE) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let own = descriptor
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(own, pointer, size) == 0 && listen(own, 64) == 0 && getsockname(own, pointer, &size) == 0
            }
        }
        guard isBound else { throw POSIXError(.EADDRINUSE) }
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    /// Ends the thread that accepts.
    func close() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    func serve(_ answer: @escaping @Sendable (HubRequestLine) -> HubAnswer) {
        let own = descriptor
        Thread.detachNewThread {
            while true {
                let connection = accept(own, nil, nil)
                guard connection >= 0 else { break }
                Thread.detachNewThread {
                    Self.talk(connection, answer)
                    Glibc.close(connection)
                }
            }
            Glibc.close(own)
        }
    }

    private static func talk(_ connection: Int32, _ answer: (HubRequestLine) -> HubAnswer) {
        var buffer: [UInt8] = []
        while let head = readHead(connection, &buffer) {
            guard let request = request(head) else { return }
            let reply = answer(request)
            let isHead = request.method == "HEAD"
            let lines = ["HTTP/1.1 \(reply.status) -", "Content-Length: \(reply.length ?? reply.body.count)"] + reply.headers + ["", ""]
            guard send(connection, Array(lines.joined(separator: "\r\n").utf8)), isHead || send(connection, reply.body) else { return }
            if reply.length != nil, !isHead { return }
        }
    }

    private static func readHead(_ connection: Int32, _ buffer: inout [UInt8]) -> String? {
        let end = Array("\r\n\r\n".utf8)
        while true {
            if let range = Data(buffer).firstRange(of: Data(end)) {
                let head = String(decoding: buffer[..<range.lowerBound], as: UTF8.self)
                buffer.removeFirst(range.upperBound)
                return head
            }
            var piece = [UInt8](repeating: 0, count: 4_096)
            let count = recv(connection, &piece, piece.count, 0)
            guard count > 0, buffer.count < 1 << 20 else { return nil }
            buffer += piece[..<count]
        }
    }

    private static func request(_ head: String) -> HubRequestLine? {
        let lines = head.components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ")
        guard words.count == 3 else { return nil }
        let target = words[1].split(separator: "?", maxSplits: 1)
        let fields = lines.dropFirst().compactMap { line -> (String, String)? in
            guard let colon = line.firstIndex(of: ":") else { return nil }
            return (line[..<colon].lowercased(), line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces))
        }
        return HubRequestLine(
            method: String(words[0]), path: String(target[0]), query: target.count > 1 ? String(target[1]) : "",
            headers: Dictionary(fields) { first, _ in first })
    }

    private static func send(_ connection: Int32, _ bytes: [UInt8]) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            done += count
        }
        return true
    }
}
