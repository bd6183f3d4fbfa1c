import HTTP
import UV

@testable import OpenAIAPI

/// Requests whose bodies are no text.
enum HTTPRequestBuilder {
    static func post(_ target: String, _ body: [UInt8]) -> HTTPRequest {
        HTTPRequest(method: "POST", target: target, body: body)
    }

    @LoopActor static func answer(_ request: HTTPRequest, _ service: APIService) async -> HTTPResponseRecorder {
        await HTTPResponseRecorder.answer(request, by: service.handle)
    }
}
