import HTTP
import UV

/// Runs `body` with a server on a free port, and closes it.
func withServer<Result: Sendable>(
    limits: HTTPLimits = HTTPLimits(), headCheck: HTTPServer.HeadCheck? = nil, handler: @escaping HTTPServer.Handler,
    _ body: @Sendable (_ port: Int, _ server: HTTPServer) async throws -> Result
) async throws -> Result {
    let server = await HTTPServer(limits: limits, headCheck: headCheck, handler: handler)
    let port = try await server.listen(host: "127.0.0.1", port: 0)
    do {
        let result = try await body(port, server)
        await server.close()
        return result
    } catch {
        await server.close()
        throw error
    }
}

/// Answers with the method, path and body that it got.
@LoopActor
func echo(_ request: HTTPRequest, _ responder: HTTPResponder) {
    let text = "\(request.method) \(request.path) " + String(decoding: request.body, as: UTF8.self)
    responder.respond(status: 200, headers: ["Content-Type": "text/plain"], body: Array(text.utf8))
}
