import Generation
import HTTP
import JSON
import UV

/// How the service treats clients.
public struct APIConfiguration: Sendable {
    public var limits = APILimits()
    public var cors = CORSPolicy()
    public var keys = APIKeys()
    /// `LMOE_LENIENT=1`: unknown fields are ignored.
    public var isLenient = false
    /// For `/info`.
    public var version = "0"

    public init() {}
}

/// Answers requests: finds the endpoint, checks origin and key, and hands over to the endpoint's handler. Loop only.
///
/// It answers from the first moment: before `services` are there everything but `/health` is 503.
@LoopActor
public final class APIService {
    public let configuration: APIConfiguration
    /// nil while the models load.
    public var services: APIServices?
    /// New work is refused with 503; what runs goes on.
    public var isDraining = false

    /// llama.cpp's global scale: the adapter that answers where the router would decide.
    var defaultAdapter: String?
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
        self.generator = generator
    }

    /// For `HTTPServer`.
    public func handle(_ request: HTTPRequest, _ responder: HTTPResponder) {
        let path = request.path.split(separator: "/")
        let matches = Endpoint.all.compactMap { endpoint in endpoint.match(path).map { (endpoint, $0) } }
        let origin = request.headers["Origin"]
        var common = configuration.cors.headers(origin: origin)
        let id = Self.requestID(request.headers["x-request-id"]) ?? identity("req_")
        common["x-request-id"] = id
        let exchange = Exchange(
            request, responder, id: id, endpoint: matches.first?.0.pattern ?? "other", common: common, observe: observe)
        guard !matches.isEmpty else {
            return exchange.fail(APIError(.unknownPath, "Unknown request URL: \(request.method) \(request.path)."))
        }
        if request.method == "OPTIONS" { return answerOptions(exchange, matches.map(\.0.method)) }
        // The server drops the body of an answer to HEAD.
        let method = request.method == "HEAD" ? "GET" : request.method
        guard let (endpoint, parameters) = matches.first(where: { $0.0.method == method }) else {
            let allowed = Self.allowed(matches.map(\.0.method))
            exchange.record.errorCode = .methodNotAllowed
            let error = APIError(
                .methodNotAllowed, "\(request.path) takes \(allowed.joined(separator: ", ")), not \(request.method).")
            return exchange.respond(
                ErrorDialect.openAI.body(error), status: 405, headers: ["Allow": allowed.joined(separator: ", ")])
        }
        do {
            try authorize(endpoint, exchange, origin: origin)
            try endpoint.handler(self, exchange, parameters)
        } catch {
            exchange.fail(APIError(reaching: error))
        }
    }

    private func authorize(_ endpoint: Endpoint, _ exchange: Exchange, origin: String?) throws(APIError) {
        guard endpoint.access != .open else { return }
        let holder = try configuration.keys.holder(authorization: exchange.request.headers["Authorization"])
        exchange.identify(holder)
        guard endpoint.access == .admin else { return }
        guard holder.access == .admin else {
            throw APIError(.adminKeyRequired, "Adapters are managed with an admin key; this is a user's key.")
        }
        guard configuration.cors.allowsManagement(from: origin) else {
            throw APIError(.originNotAllowed, "Pages of \(origin ?? "unknown origin") may not manage adapters.")
        }
    }

    private func answerOptions(_ exchange: Exchange, _ methods: [String]) {
        let allowed = Self.allowed(methods)
        var headers: HTTPHeaders = ["Allow": allowed.joined(separator: ", ")]
        if exchange.request.headers.contains("Access-Control-Request-Method") {
            let preflight = configuration.cors.preflight(
                methods: allowed, requestedHeaders: exchange.request.headers["Access-Control-Request-Headers"],
                isPrivateNetwork: exchange.request.headers["Access-Control-Request-Private-Network"] == "true")
            for (name, value) in preflight.fields { headers[name] = value }
        }
        exchange.respond(bytes: [], type: nil, status: 204, headers: headers)
    }

    private static func allowed(_ methods: [String]) -> [String] {
        methods + (methods.contains("GET") ? ["HEAD"] : []) + ["OPTIONS"]
    }

    // MARK: For the handlers

    var fields: FieldPolicy { FieldPolicy(isLenient: configuration.isLenient) }
    var limits: APILimits { configuration.limits }

    /// What handlers stand on; 503 while it is not there.
    func ready() throws(APIError) -> APIServices {
        guard let services else { throw APIError(.loading, "The models are still loading.", retryAfterSeconds: 1) }
        return services
    }

    /// As `ready`, for work that takes time: 503 while the process stops.
    func accepting() throws(APIError) -> APIServices {
        guard !isDraining else { throw APIError(.draining, "The server is stopping.", retryAfterSeconds: 5) }
        return try ready()
    }

    func document(_ exchange: Exchange) throws(APIError) -> JSONCursor {
        do throws(JSONError) {
            let value = try JSONValue.parse(exchange.request.body, maxDepth: limits.jsonDepth)
            guard case .object = value else {
                throw JSONError(.wrongType, "expected a JSON object, found \(value.kindName)", path: "")
            }
            return JSONCursor(value)
        } catch {
            throw APIError(error)
        }
    }

    /// Runs work that leaves the loop, and answers with its error if it throws. The client's leaving cancels it.
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

    /// A client's own identity of its request, if it may stand in logs.
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
