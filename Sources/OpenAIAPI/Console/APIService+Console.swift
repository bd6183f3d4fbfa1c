import HTTP

extension APIService {
    /// `GET /`: the console for browsers, and for other clients the line by which Ollama's tell that a server is there.
    func root(_ exchange: Exchange) {
        let wantsPage = Self.wantsPage(exchange.request.headers)
        guard wantsPage, hasConsole else {
            let text = wantsPage ? "\(Self.greeting)\n\nThis is lmoe. Its console is off: \(Self.whyOff)\n" : Self.greeting
            return exchange.respond(bytes: Array(text.utf8), type: "text/plain; charset=utf-8", status: 200, headers: ["Vary": "Accept"])
        }
        // 192 bits.
        let nonce = identity("") + identity("")
        exchange.respond(
            bytes: ConsolePage.whole.bytes(nonce: nonce), type: "text/html; charset=utf-8", status: 200,
            headers: [
                "Content-Security-Policy": ConsolePage.policy(nonce: nonce), "Cache-Control": "no-store", "Vary": "Accept",
                "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
                "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
            ])
    }

    private static let greeting = "Ollama is running"
    private static let whyOff =
        "`--console off`, or other machines can reach this server and it asks for no key. `--api-key-file` names a file of keys; "
        + "`--console on` shows it to everyone."

    /// Whether the client names HTML among what it takes, as browsers do; `*/*` alone is a client of the API.
    static func wantsPage(_ headers: HTTPHeaders) -> Bool {
        headers.values("Accept").contains { value in
            value.utf8.split(separator: UInt8(ascii: ",")).contains { range in
                let parts = range.split(separator: UInt8(ascii: ";")).map(trimmed)
                guard parts.first.map({ equal($0, "text/html") }) == true else { return false }
                // `q=0` is what the client does not take.
                return !parts.dropFirst().contains { part in
                    equal(part.prefix(2), "q=") && part.count > 2 && part.dropFirst(2).allSatisfy { $0 == UInt8(ascii: "0") || $0 == UInt8(ascii: ".") }
                }
            }
        }
    }

    private static func trimmed(_ part: Substring.UTF8View) -> Substring.UTF8View {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        var part = part.drop(while: isSpace)
        while let last = part.last, isSpace(last) { part.removeLast() }
        return part
    }

    private static func equal(_ part: Substring.UTF8View, _ lowercase: String) -> Bool {
        part.elementsEqual(lowercase.utf8) { given, wanted in (given >= 0x41 && given <= 0x5A ? given | 0x20 : given) == wanted }
    }
}
