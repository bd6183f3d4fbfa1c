import Foundation
import Glibc

/// One kept-alive HTTP/1.1 connection to this machine. Blocks; one thread.
final class LoopbackClient {
    private let descriptor: Int32
    private let port: Int
    private var buffer = [UInt8](repeating: 0, count: 1 << 16)

    init(port: Int) throws {
        self.port = port
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw Failure(message: "port \(port): \(String(cString: strerror(errno)))") }
    }

    deinit { close(descriptor) }

    /// Posts JSON and reads the answer, which has a `Content-Length`. Throws unless the status is 200.
    func post(_ path: String, _ body: String) throws {
        try send(path, body)
        var end: Int?
        try receive { answer in
            if end == nil { end = Self.end(of: answer) }
            return end.map { answer.count >= $0 } ?? false
        }
    }

    /// Posts JSON and reads the events up to the end of the chunked stream.
    func stream(_ path: String, _ body: String) throws {
        try send(path, body)
        let end = Array("\r\n0\r\n\r\n".utf8)
        try receive { $0.suffix(end.count).elementsEqual(end) }
    }

    private func send(_ path: String, _ body: String) throws {
        let text = "POST \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nContent-Type: application/json\r\n"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        try write(Array(text.utf8))
    }

    private func receive(until isWhole: ([UInt8]) -> Bool) throws {
        var answer: [UInt8] = []
        repeat {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { throw Failure(message: "port \(port): the server closed the connection") }
            answer += buffer[..<count]
        } while !isWhole(answer)
        guard answer.starts(with: Array("HTTP/1.1 200".utf8)) else {
            throw Failure(message: "the server answered: \(String(decoding: answer.prefix(300), as: UTF8.self))")
        }
    }

    private func write(_ bytes: [UInt8]) throws {
        var start = 0
        while start < bytes.count {
            let count = bytes[start...].withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { throw Failure(message: "port \(port): \(String(cString: strerror(errno)))") }
            start += count
        }
    }

    /// Bytes of head and body together; nil before the head is whole.
    private static func end(of answer: [UInt8]) -> Int? {
        guard let head = answer.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let fields = String(decoding: answer[..<head.lowerBound], as: UTF8.self).lowercased().split(separator: "\r\n")
        let length = fields.first { $0.hasPrefix("content-length:") }?.split(separator: ":").last
        return head.upperBound + (length.flatMap { Int($0.trimmingCharacters(in: .whitespaces)) } ?? 0)
    }
}
