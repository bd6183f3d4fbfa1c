import Foundation
import HTTP
import JSON
import Testing
import UV

@testable import OpenAIAPI

@Suite struct ConsoleTests {
    private static let browser: HTTPHeaders = ["Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"]

    @LoopActor private func api(hasConsole: Bool = true, configure: (inout APIConfiguration) -> Void = { _ in }) -> TestAPI {
        let api = TestAPI(configure: configure)
        api.service.hasConsole = hasConsole
        return api
    }

    @LoopActor @Test func browsersGetThePageAndOtherClientsALine() async {
        let api = api()
        let page = await api.send("GET", "/", headers: Self.browser)
        #expect(page.status == 200)
        #expect(page.headers["Content-Type"] == "text/html; charset=utf-8")
        #expect(page.text.hasPrefix("<!DOCTYPE html>"))
        for accept in [nil, "*/*", "application/json", "text/html;q=0, */*", "TEXT/HTML; q=0.000", "text/plain"] {
            let answer = await api.send("GET", "/", headers: accept.map { ["Accept": $0] } ?? [:])
            #expect(answer.status == 200)
            #expect(answer.text == "Ollama is running", "\(accept ?? "no Accept")")
            #expect(answer.headers["Vary"]?.contains("Accept") == true)
        }
        for accept in ["text/html", "application/json, Text/HTML ;q=0.9", "text/html;q=1.0"] {
            #expect(await api.send("GET", "/", headers: ["Accept": accept]).text.hasPrefix("<!DOCTYPE html>"), "\(accept)")
        }
    }

    @LoopActor @Test func thePolicyAllowsTheTwoPartsOfThisAnswerAndNothingElse() async throws {
        let api = api()
        var nonces: Set<String> = []
        for _ in 0..<2 {
            let page = await api.send("GET", "/", headers: Self.browser)
            let policy = try #require(page.headers["Content-Security-Policy"])
            let parts = page.text.components(between: "nonce=\"", and: "\"")
            #expect(parts.count == 2, "one style, one script")
            let nonce = try #require(parts.first)
            #expect(parts == [nonce, nonce])
            #expect(nonce.utf8.count == 48)
            nonces.insert(nonce)
            let directives = policy.split(separator: ";").map { $0.drop { $0 == " " } }
            #expect(directives.contains("default-src 'none'") && directives.contains("connect-src 'self'"))
            #expect(directives.contains("script-src 'nonce-\(nonce)'") && directives.contains("style-src 'nonce-\(nonce)'"))
            #expect(directives.contains("frame-ancestors 'none'") && directives.contains("require-trusted-types-for 'script'"))
            #expect(!policy.contains("unsafe") && !policy.contains("http"))
            #expect(page.headers["Cache-Control"] == "no-store")
            #expect(page.headers["X-Content-Type-Options"] == "nosniff" && page.headers["X-Frame-Options"] == "DENY")
        }
        #expect(nonces.count == 2, "a nonce is for one answer")
    }

    @Test func thePageIsWholeSmallAndLoadsNothing() throws {
        let text = String(decoding: ConsolePage.whole.bytes(nonce: "n"), as: UTF8.self)
        #expect(text.utf8.count <= 100_000, "\(text.utf8.count) bytes")
        for place in ["@style@", "@script@", "@nonce@"] { #expect(!text.contains(place)) }
        // The names of its XML formats are the only addresses in it.
        for address in text.components(between: "http", and: "'") + text.components(between: "http", and: "\"") {
            #expect(address.hasPrefix("://www.w3.org/"), "\(address)")
        }
        for dangerous in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "localStorage", " style=\"", "onclick=\""] {
            #expect(!text.contains(dangerous), "\(dangerous)")
        }
        #expect(text.components(between: "<script", and: "</script>").count == 1)
        #expect(text.hasSuffix("</html>\n"))
    }

    @LoopActor @Test func thePageNeedsNoKeyAndIsThereWhileModelsLoad() async {
        let api = api { $0.keys = APIKeys(users: ["k"]) }
        api.service.services = nil
        #expect(await api.send("GET", "/", headers: Self.browser).status == 200)
        #expect(await api.send("GET", "/").text == "Ollama is running")
        #expect(await api.send("HEAD", "/", headers: Self.browser).status == 200)
        #expect(await api.send("GET", "/v1/models").status == 401)
        #expect(api.records.first?.endpoint == "/")
    }

    @LoopActor @Test func aConsoleThatIsOffSaysWhy() async {
        let api = api(hasConsole: false)
        let answer = await api.send("GET", "/", headers: Self.browser)
        #expect(answer.status == 200)
        #expect(answer.headers["Content-Type"] == "text/plain; charset=utf-8")
        #expect(answer.text.contains("--console") && answer.text.contains("--api-key-file"))
        #expect(await api.send("GET", "/").text == "Ollama is running")
    }

    @LoopActor @Test func theRootStillGeneratesAndNamesItsMethods() async throws {
        let api = api()
        let answer = await api.send("POST", "/", "{\"inputs\": \"hi\"}")
        #expect(answer.status == 200)
        let wrong = await api.send("PUT", "/")
        #expect(wrong.status == 405)
        #expect(wrong.headers["Allow"] == "GET, POST, HEAD, OPTIONS")
    }

    @LoopActor @Test func aMapIsAskedForByABool() async throws {
        let api = api()
        let without = try await api.send("POST", "/v1/route", "{\"input\": \"sql\"}").json()
        #expect(without["adapter"] == "sql" && without["map"] == nil)
        // The scripted router compares nothing.
        #expect(try await api.send("POST", "/v1/route", "{\"input\": \"sql\", \"map\": true}").json()["map"] == .null)
        #expect(try await api.send("POST", "/v1/route", "{\"input\": \"sql\", \"map\": null}").json()["map"] == nil)
        let wrong = await api.send("POST", "/v1/route", "{\"input\": \"sql\", \"map\": \"yes\"}")
        #expect(wrong.status == 400)
        #expect(try wrong.json().error("param") == "map")
    }

    @LoopActor @Test func aPageOfThisServerManagesWithAKeyOnly() async {
        let own: HTTPHeaders = ["Origin": "http://box.example:8080", "Host": "box.example:8080"]
        func delete(_ api: TestAPI, _ headers: HTTPHeaders, key: String? = nil) async -> Int? {
            var headers = headers
            if let key { headers["Authorization"] = "Bearer \(key)" }
            return await api.send("DELETE", "/v1/adapters/bash", headers: headers).status
        }
        let keyed = api { $0.keys = APIKeys(users: ["user"], admins: ["root"]) }
        #expect(await delete(keyed, own, key: "root") == 200)
        #expect(await delete(keyed, own, key: "user") == 403)
        #expect(await delete(keyed, own) == 401)
        for origin in ["http://box.example", "http://evil.example:8080", "ftp://box.example:8080", "null"] {
            #expect(await delete(keyed, ["Origin": origin, "Host": "box.example:8080"], key: "root") == 403, "\(origin)")
        }
        // Without keys a name that leads here from another site would be enough.
        #expect(await delete(api(), own) == 403)
    }
}

extension String {
    /// What stands between two marks, each time.
    fileprivate func components(between start: String, and end: String) -> [String] {
        var found: [String] = []
        var rest = self[...]
        while let first = rest.range(of: start), let last = rest[first.upperBound...].range(of: end) {
            found.append(String(rest[first.upperBound..<last.lowerBound]))
            rest = rest[last.upperBound...]
        }
        return found
    }
}
