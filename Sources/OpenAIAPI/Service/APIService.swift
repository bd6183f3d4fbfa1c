import Generation
import HTTP
import JSON
import UV

/// How the service treats clients.
public struct APIConfiguration: Sendable {
    public var limits = APILimits()
    public var cors = CORSPolicy()
    public var keys = APIKeys()
    /// Names that clients may have in `model`; the first that matches counts. Names that are served take precedence.
    public var modelAliases: [ModelAlias] = []
    /// Memories that are asked for each request that says nothing of them, where its caller may use them.
    public var memories: [String] = []
    /// Each key has a prefix cache of its own, and counts of it; nil: when there are keys.
    public var separatesCaches: Bool?
    /// Users' keys may upload files and tune; otherwise only admins' may.
    public var usersMayTune = false
    /// Users' keys may tell, read and forget facts of the memories that they may use; otherwise only admins' may.
    public var usersMayTell = false
    /// `LMOE_LENIENT=1`: unknown fields are ignored.
    public var isLenient = false
    /// For `/info`.
    public var version = "0"

    public init() {}
}

/// Answers requests: finds the endpoint, checks origin and key, and hands over to the endpoint's handler. Loop only.
///
/// Before `services` are set, requests that need them get 503.
@LoopActor
public final class APIService {
    public let configuration: APIConfiguration
    /// nil while the models load.
    public var services: APIServices?
    /// Browsers get the console at `/`.
    public var hasConsole = false
    /// New work is refused with 503; running requests go on.
    public var isDraining = false

    /// Of `/v1/responses`, for requests that name an earlier one.
    let responses: ResponseStore
    /// By identity.
    var runningResponses: [String: RunningResponse] = [:]
    /// llama.cpp's global scale: what answers where the router would decide; `automatic` leaves it to the router.
    var defaultSelection = ModelSelection.automatic
    /// Texts that wait for the tokenizer.
    var inspections = 0
    /// Those whose answers are not complete.
    private var exchanges: [ObjectIdentifier: Exchange] = [:]
    let metrics: @Sendable () async -> String
    private let observe: @LoopActor (RequestRecord) -> Void
    /// Unix seconds.
    let clock: @Sendable () -> Int
    private var generator: any RandomNumberGenerator

    /// - Parameters:
    ///   - metrics: the text of `/metrics`; called off the loop.
    ///   - observe: called at the end of each request, on the loop.
    ///   - clock: Unix seconds; replaced by tests.
    ///   - generator: makes identities; replaced by tests.
    public init(
        _ configuration: APIConfiguration, metrics: @escaping @Sendable () async -> String = { "" },
        observe: @escaping @LoopActor (RequestRecord) -> Void = { _ in },
        clock: @escaping @Sendable () -> Int = UnixClock.seconds,
        generator: any RandomNumberGenerator = SystemRandomNumberGenerator()
    ) {
        self.configuration = configuration
        self.metrics = metrics
        self.observe = observe
        self.clock = clock
        responses = ResponseStore(limits: configuration.limits, clock: clock)
        self.generator = generator
    }

    /// For `HTTPServer`.
    public func handle(_ request: HTTPRequest, _ responder: HTTPResponder) {
        let path = RequestPath(request)
        let exchange = open(request, responder, path)
        if request.method == "OPTIONS", let methods = path.optionsMethods(request) {
            return answerOptions(exchange, methods)
        }
        do {
            let admission = try admit(request, path)
            exchange.identify(admission.holder, owner: configuration.keys.owner(admission.holder, key: admission.key))
            if configuration.separatesCaches ?? true { exchange.cachePartition = admission.key.map { "key \($0)" } }
            if admission.endpoint.access != .open { try checkRepeatedHeaders(exchange) }
            try admission.endpoint.handler(self, exchange, admission.parameters)
        } catch {
            exchange.fail(APIError(reaching: error))
        }
    }

    /// For `HTTPServer`: the answer to a request that is refused by its header alone, before its body comes.
    public func refusal(of head: HTTPRequest) -> HTTPAnswer? {
        let path = RequestPath(head)
        guard head.method != "OPTIONS" else { return nil }
        do throws(APIError) {
            _ = try admit(head, path)
            return nil
        } catch {
            let recorder = HTTPResponseRecorder()
            open(head, HTTPResponder(sink: recorder), path).fail(error)
            return recorder.status.map { HTTPAnswer(status: $0, headers: recorder.headers, body: recorder.body) }
        }
    }

    /// Ends every answer that is not complete: an error where nothing has been sent, else an error event.
    public func endAll(_ error: APIError) {
        for exchange in exchanges.values { exchange.end(with: error) }
    }

    private func open(_ request: HTTPRequest, _ responder: HTTPResponder, _ path: RequestPath) -> Exchange {
        var common = configuration.cors.headers(origin: request.headers["Origin"], isGeneration: path.isGeneration)
        let id = Self.requestID(request.headers["x-request-id"]) ?? identity("req_")
        common["x-request-id"] = id
        let endpoint = path.match(request.method)?.endpoint ?? path.matches.first?.endpoint
        let exchange = Exchange(request, responder, id: id, endpoint: endpoint?.pattern ?? "other", common: common, observe: observe)
        if let endpoint { exchange.errors = endpoint.errors }
        let key = ObjectIdentifier(exchange)
        exchanges[key] = exchange
        exchange.onOver = { [weak self] in self?.exchanges[key] = nil }
        return exchange
    }

    /// The endpoint of a request whose key and origin may use it.
    private func admit(
        _ request: HTTPRequest, _ path: RequestPath
    ) throws(APIError) -> (endpoint: Endpoint, parameters: [String], holder: APIKeys.Holder, key: Int?) {
        guard !path.matches.isEmpty else {
            throw APIError(.unknownPath, "Unknown request URL: \(request.method) \(request.path).")
        }
        guard let (endpoint, parameters) = path.match(request.method) else {
            let allowed = path.allowedMethods.joined(separator: ", ")
            throw APIError(.methodNotAllowed, "\(request.path) takes \(allowed), not \(request.method).", allowedMethods: allowed)
        }
        guard endpoint.access != .open else { return (endpoint, parameters, APIKeys.Holder(.user), nil) }
        let (holder, key) = try configuration.keys.identify(request.headers)
        let (isForUsers, what): (Bool, String)
        switch endpoint.access {
        case .open, .user, .generation: return (endpoint, parameters, holder, key)
        case .admin: (isForUsers, what) = (false, "Adapters are managed")
        case .tuning: (isForUsers, what) = (configuration.usersMayTune, "Files are kept and adapters tuned")
        case .telling: (isForUsers, what) = (configuration.usersMayTell, "Facts are told")
        }
        guard holder.access == .admin || isForUsers else {
            throw APIError(.adminKeyRequired, "\(what) with an admin key; this is a user's key.")
        }
        let origin = request.headers["Origin"]
        // A page of this server that shows a key has got it from a person: a browser adds none by itself.
        let isOwnPage = key != nil && origin.map { CORSPolicy.isOf(host: request.headers["Host"], $0) } == true
        guard isOwnPage || configuration.cors.allowsManagement(from: origin) else {
            throw APIError(.originNotAllowed, "Pages of \(origin ?? "unknown origin") may not manage adapters.")
        }
        return (endpoint, parameters, holder, key)
    }

    /// A rule that names a header decides by its one value: with several, a client could add one to those of a proxy.
    private func checkRepeatedHeaders(_ exchange: Exchange) throws(APIError) {
        guard let name = services?.catalogue.repeatedHeader(of: exchange.caller) else { return }
        throw APIError(.invalidRequest, "The header `\(name)` must come once: rules about adapters name it.")
    }

    private func answerOptions(_ exchange: Exchange, _ methods: [String]) {
        var headers: HTTPHeaders = ["Allow": methods.joined(separator: ", ")]
        if exchange.request.headers.contains("Access-Control-Request-Method") {
            let preflight = configuration.cors.preflight(
                methods: methods, requestedHeaders: exchange.request.headers["Access-Control-Request-Headers"],
                isPrivateNetwork: exchange.request.headers["Access-Control-Request-Private-Network"]?.utf8.elementsEqual("true".utf8) == true)
            for (name, value) in preflight.fields { headers[name] = value }
        }
        exchange.respond(bytes: [], type: nil, status: 204, headers: headers)
    }

    // MARK: For the handlers

    var fields: FieldPolicy { FieldPolicy(isLenient: configuration.isLenient) }
    /// The fields of a request in its endpoint's dialect.
    func fields(_ exchange: Exchange) -> FieldPolicy { FieldPolicy(isLenient: configuration.isLenient, dialect: exchange.errors) }
    var limits: APILimits { configuration.limits }

    /// The services; 503 while they are not there.
    func ready() throws(APIError) -> APIServices {
        guard let services else { throw APIError(.loading, "The models are still loading.", retryAfterSeconds: 1) }
        return services
    }

    /// As `ready`, for work that takes time: 503 while the process stops.
    func accepting() throws(APIError) -> APIServices {
        guard !isDraining else { throw APIError(.draining, "The server is stopping.", retryAfterSeconds: 5) }
        return try ready()
    }

    /// Runs work that leaves the loop, and answers with its error if it throws. It is cancelled when the client leaves.
    func run(_ exchange: Exchange, _ body: @escaping @LoopActor () async throws -> Void) {
        let task = Task { @LoopActor in
            do {
                try await body()
            } catch {
                exchange.fail(APIError(reaching: error))
            }
        }
        if exchange.onClientLeft == nil { exchange.onClientLeft = { task.cancel() } }
    }

    /// `prefix` and 24 hexadecimal digits.
    func identity(_ prefix: String) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text = Array(prefix.utf8)
        for _ in 0..<24 { text.append(digits[Int(generator.next(upperBound: UInt(16)))]) }
        return String(decoding: text, as: UTF8.self)
    }

    /// The identity that the client gave its request, if it is fit for logs.
    private static func requestID(_ text: String?) -> String? {
        guard let text, (1...128).contains(text.utf8.count) else { return nil }
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                true
            default: false
            }
        }
        return isPlain ? text : nil
    }
}
