internal import CCurl

/// One request in the hands of libcurl: what its callbacks write to. They run on the thread that performs the request.
final class HubExchange {
    /// Why a callback ended the request.
    enum Stop {
        case headTooLarge
        case interrupted
        /// The reader of the body refused it.
        case body(TransferFailure)
    }

    /// Told each piece of the body, with the header that came before it.
    typealias Receiver = (HubResponseHead, UnsafeRawBufferPointer) throws(TransferFailure) -> Void

    private(set) var head = HubResponseHead()
    private(set) var stop: Stop?
    private let limits: HubLimits
    private let receive: Receiver
    private let isInterrupted: () -> Bool
    private var headBytes = 0
    private var headLines = 0

    init(limits: HubLimits, isInterrupted: @escaping () -> Bool, receive: @escaping Receiver) {
        self.limits = limits
        self.isInterrupted = isInterrupted
        self.receive = receive
    }

    /// Whether the request goes on.
    func add(line: UnsafeRawBufferPointer) -> Bool {
        headBytes += line.count
        headLines += 1
        guard headBytes <= limits.headerBytes, headLines <= limits.headerLines else {
            stop = .headTooLarge
            return false
        }
        head.add(line: String(decoding: line, as: UTF8.self))
        return true
    }

    func add(body: UnsafeRawBufferPointer) -> Bool {
        do throws(TransferFailure) {
            try receive(head, body)
            return true
        } catch {
            stop = .body(error)
            return false
        }
    }

    func checkInterruption() -> Bool {
        guard stop == nil, isInterrupted() else { return true }
        stop = .interrupted
        return false
    }

    // MARK: Callbacks of libcurl

    static let lines: ccurl_receiver = { bytes, size, count, context in
        receive(bytes, size * count, context) { $0.add(line: $1) }
    }

    static let body: ccurl_receiver = { bytes, size, count, context in
        receive(bytes, size * count, context) { $0.add(body: $1) }
    }

    static let watch: ccurl_watch = { context, _, _, _, _ in
        context.map { Unmanaged<HubExchange>.fromOpaque($0).takeUnretainedValue().checkInterruption() } == false ? 1 : 0
    }

    /// Any other number than `count` ends the request.
    private static func receive(
        _ bytes: UnsafeMutablePointer<CChar>?, _ count: Int, _ context: UnsafeMutableRawPointer?,
        _ add: (HubExchange, UnsafeRawBufferPointer) -> Bool
    ) -> Int {
        guard let context else { return count == 0 ? 1 : 0 }
        let exchange = Unmanaged<HubExchange>.fromOpaque(context).takeUnretainedValue()
        return add(exchange, UnsafeRawBufferPointer(start: bytes, count: count)) ? count : count == 0 ? 1 : 0
    }
}
