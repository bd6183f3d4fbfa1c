@testable import HTTP

/// What a parser made of some bytes, in a form that can be compared.
struct Parsed: Equatable {
    var requests: [String] = []
    var error: HTTPError?

    /// Feeds the pieces one after another.
    init(_ pieces: [ArraySlice<UInt8>], limits: HTTPLimits = HTTPLimits()) {
        var parser = RequestParser(limits: limits)
        do throws(HTTPError) {
            for piece in pieces { try feed(Array(piece), to: &parser) }
        } catch {
            self.error = error
        }
    }

    init(_ text: String, limits: HTTPLimits = HTTPLimits()) { self.init([Array(text.utf8)[...]], limits: limits) }

    private mutating func feed(_ bytes: [UInt8], to parser: inout RequestParser) throws(HTTPError) {
        var offset = 0
        while offset < bytes.count {
            // The parser's input is borrowed for one call, as in the server.
            let step = bytes.withUnsafeBytes { buffer -> Result<RequestParser.Event?, HTTPError> in
                do throws(HTTPError) {
                    return .success(try parser.next(buffer, offset: &offset))
                } catch {
                    return .failure(error)
                }
            }
            if case .request(let request) = try step.get() { requests.append(Self.describe(request)) }
        }
    }

    static func describe(_ request: HTTPRequest) -> String {
        let fields = request.headers.fields.map { "\($0.name)=\($0.value)" }.joined(separator: ";")
        let query = request.query.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
        return "\(request.method) \(request.path) ?\(query) \(request.version) [\(fields)] " + String(decoding: request.body, as: UTF8.self)
    }
}
