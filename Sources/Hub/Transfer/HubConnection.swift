internal import CCurl

/// One request, without a redirect followed.
struct HubRequest {
    enum Method { case get, head }

    var method = Method.get
    var url: HubURL
    /// `Name: value`.
    var headers: [String] = []
    /// For the whole answer; nil: for as long as bytes come.
    var timeoutMilliseconds: Int?
}

/// A handle of libcurl, which keeps its connections open from one request to the next.
///
/// Isolation: one thread at a time; requests block it.
final class HubConnection {
    private let handle: UnsafeMutableRawPointer
    private let limits: HubLimits
    private let certificates: String?
    private let isInterrupted: () -> Bool

    /// libcurl's own state is made once a process.
    private static let isStarted = ccurl_start() != 0

    /// Errors: `io` when libcurl does not start.
    init(limits: HubLimits, certificates: String?, isInterrupted: @escaping () -> Bool) throws(HubError) {
        guard Self.isStarted, let handle = curl_easy_init() else { throw HubError(.io, "libcurl does not start") }
        self.handle = handle
        self.limits = limits
        self.certificates = certificates
        self.isInterrupted = isInterrupted
    }

    deinit { curl_easy_cleanup(handle) }

    /// Asks and gives the pieces of the answer's body to `receive`, also those of a redirect or a refusal.
    func perform(_ request: HubRequest, receive: @escaping HubExchange.Receiver) throws(TransferFailure) -> HubResponseHead {
        let exchange = HubExchange(limits: limits, isInterrupted: isInterrupted, receive: receive)
        guard exchange.checkInterruption() else { throw failure(exchange, CURLE_ABORTED_BY_CALLBACK, "", request) }
        curl_easy_reset(handle)
        var list: UnsafeMutablePointer<curl_slist>?
        defer { curl_slist_free_all(list) }
        for header in request.headers { list = curl_slist_append(list, header) ?? list }
        var reason = [CChar](repeating: 0, count: Int(CURL_ERROR_SIZE))
        let code = reason.withUnsafeMutableBufferPointer { reason in
            let context = Unmanaged.passUnretained(exchange).toOpaque()
            set(request, context, list, reason.baseAddress)
            return withExtendedLifetime(exchange) { curl_easy_perform(handle) }
        }
        // The buffer of the reason is gone after this call.
        ccurl_set_pointer(handle, CURLOPT_ERRORBUFFER, nil)
        guard code == CURLE_OK else {
            throw failure(exchange, code, String(decoding: reason.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self), request)
        }
        return exchange.head
    }

    private func set(
        _ request: HubRequest, _ context: UnsafeMutableRawPointer, _ headers: UnsafeMutablePointer<curl_slist>?,
        _ reason: UnsafeMutablePointer<CChar>?
    ) {
        ccurl_set_pointer(handle, CURLOPT_ERRORBUFFER, reason)
        ccurl_set_text(handle, CURLOPT_URL, request.url.text)
        ccurl_set_text(handle, CURLOPT_PROTOCOLS_STR, "http,https")
        ccurl_set_number(handle, CURLOPT_NOSIGNAL, 1)
        ccurl_set_number(handle, CURLOPT_FOLLOWLOCATION, 0)
        ccurl_set_number(handle, CURLOPT_NOBODY, request.method == .head ? 1 : 0)
        ccurl_set_number(handle, CURLOPT_BUFFERSIZE, 256 << 10)
        ccurl_set_number(handle, CURLOPT_CONNECTTIMEOUT_MS, limits.connectMilliseconds)
        ccurl_set_number(handle, CURLOPT_TIMEOUT_MS, request.timeoutMilliseconds ?? 0)
        ccurl_set_number(handle, CURLOPT_LOW_SPEED_LIMIT, 1)
        ccurl_set_number(handle, CURLOPT_LOW_SPEED_TIME, limits.stalledSeconds)
        ccurl_set_text(handle, CURLOPT_USERAGENT, "lmoe")
        if let certificates { ccurl_set_text(handle, CURLOPT_CAINFO, certificates) }
        // A proxy cannot reach what is meant by this machine's own address.
        if request.url.isLoopback { ccurl_set_text(handle, CURLOPT_NOPROXY, "*") }
        ccurl_set_pointer(handle, CURLOPT_HTTPHEADER, headers)
        ccurl_set_receiver(handle, CURLOPT_HEADERFUNCTION, HubExchange.lines)
        ccurl_set_pointer(handle, CURLOPT_HEADERDATA, context)
        ccurl_set_receiver(handle, CURLOPT_WRITEFUNCTION, HubExchange.body)
        ccurl_set_pointer(handle, CURLOPT_WRITEDATA, context)
        ccurl_set_number(handle, CURLOPT_NOPROGRESS, 0)
        ccurl_set_watch(handle, HubExchange.watch)
        ccurl_set_pointer(handle, CURLOPT_XFERINFODATA, context)
    }

    private func failure(_ exchange: HubExchange, _ code: CURLcode, _ reason: String, _ request: HubRequest) -> TransferFailure {
        switch exchange.stop {
        case .interrupted: return .lasting(HubError(.interrupted, "interrupted"))
        case .body(let failure): return failure
        case .headTooLarge:
            return .lasting(
                HubError(.malformed, "the header of \(request.url.host)'s answer has more than \(limits.headerBytes) bytes or \(limits.headerLines) lines"))
        case nil: break
        }
        let text = HubError.shown(reason.isEmpty ? String(cString: curl_easy_strerror(code)) : reason)
        let host = request.url.host
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT:
            return TransferFailure(
                kind: .unreachable,
                error: HubError(
                    .unreachable,
                    "\(host) cannot be reached: \(text). Check the network, the proxy (https_proxy) and HF_ENDPOINT; HF_HUB_OFFLINE=1 uses what is in the cache"))
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE:
            return .lasting(
                HubError(
                    .unreachable,
                    "\(host) cannot be trusted: \(text). Install the package ca-certificates, or name a file of certificates in SSL_CERT_FILE"))
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT, CURLE_OUT_OF_MEMORY:
            return .lasting(HubError(.unreachable, "\(host): \(text)"))
        default:
            return TransferFailure(kind: .passing(), error: HubError(.unreachable, "the connection to \(host) broke: \(text)"))
        }
    }
}
