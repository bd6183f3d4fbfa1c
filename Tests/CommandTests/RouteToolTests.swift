import Foundation
import Testing

/// The owner's tools over the real adapters with the real encoder.
@Suite struct RouteToolTests {
    private func file(_ name: String, _ text: String = "") throws -> String {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("lmoe-tools-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let path = folder.appendingPathComponent(name).path
        if !text.isEmpty { try text.write(toFile: path, atomically: true, encoding: .utf8) }
        return path
    }

    private let questions = """
        {"text": "which states border the one with the most rivers", "adapter": "sql"}
        {"text": "delete every log file that is older than ten days", "adapter": "bash"}
        {"text": "write me a sonnet about <rain> & \\"thunder\\"", "adapter": null}
        {"text": "delete all empty folders below /tmp", "adapter": "math"}
        """

    @Test func textsWithKnownAnswersAreCounted() throws {
        let (path, page) = (try file("q.jsonl", questions), try file("page.html"))
        let run = try Invocation("route", "eval", path, "--json", "--report", page, "--require", "0.9")
        #expect(run.status == 3, "three of four are fewer than nine tenths")
        let json = try run.json()
        #expect(json["texts"] as? Int == 4 && json["right"] as? Double == 0.75 && json["accuracy"] as? Double == 0.6667)
        let wrong = try #require(json["wrong"] as? [[String: Any]])
        #expect(wrong.count == 1 && wrong[0]["chosen"] as? String == "bash" && wrong[0]["expected"] as? String == "math")
        let html = try String(contentsOfFile: page, encoding: .utf8)
        #expect(html.contains("delete all empty folders below /tmp") && html.contains("<svg"))
        #expect(!html.contains("<script") && !html.contains("http"))
        let table = try Invocation("route", "eval", path)
        #expect(table.status == 0)
        for part in ["went where they should", "75.0 %", "recall", "line 4: delete all empty folders"] {
            #expect(table.output.contains(part), "\(part) is missing")
        }
    }

    @Test func aWrongLineIsNamed() throws {
        let unknown = try Invocation("route", "eval", try file("q.jsonl", "{\"text\": \"a\", \"adapter\": \"sqll\"}"))
        #expect(unknown.status == 2)
        #expect(unknown.errors.contains("q.jsonl:1: there is no adapter `sqll`") && unknown.errors.contains("did you mean `sql`?"))
        let far = try Invocation("route", "eval", try file("q.jsonl", "{\"text\": \"a\", \"adapter\": \"translation\"}"))
        #expect(far.status == 2 && far.errors.contains("the router can choose: attributes, bash, data2text, explain, intent, math, pronounce, sql"))
        let broken = try Invocation("route", "eval", try file("q.jsonl", questions + "\n{\"text\": 3}"))
        #expect(broken.status == 2 && broken.errors.contains("q.jsonl:5: expected {\"text\""))
        #expect(try Invocation("route", "eval", "/nowhere.jsonl").status == 2)
    }

    @Test func theDoctorFindsAnExampleInTheWrongPlace() throws {
        let healthy = try Invocation("route", "doctor", "--json")
        #expect(healthy.status == 0)
        #expect(try healthy.json()["routable"] as? Int == 8)
        let routes = URL(fileURLWithPath: try file("sql.jsonl")).deletingLastPathComponent()
        try "\"how many people live in ohio\"\n\"list all files in this folder\"\n\"count the lines of all python files\"\n"
            .write(to: routes.appendingPathComponent("sql.jsonl"), atomically: true, encoding: .utf8)
        let run = try Invocation("route", "doctor", "--routes", routes.path)
        #expect(run.output.contains("warning  sql: it has 3 examples"))
        #expect(run.output.contains("sql: ") && run.output.contains("bash") && run.output.contains("count the lines of all python files"))
    }

    @Test func rulesHoldForACallerThatIsNamed() throws {
        let routes = URL(fileURLWithPath: try file("sql.yaml")).deletingLastPathComponent()
        try "allow: {keys: [team-a], headers: {x-tenant: [blue]}}\n"
            .write(to: routes.appendingPathComponent("sql.yaml"), atomically: true, encoding: .utf8)
        let text = "how many rivers run through texas"
        func answer(_ more: String...) throws -> String {
            switch more.count {
            case 0: try Invocation("route", "--routes", routes.path, text).output
            case 2: try Invocation("route", "--routes", routes.path, more[0], more[1], text).output
            default: try Invocation("route", "--routes", routes.path, more[0], more[1], more[2], more[3], text).output
            }
        }
        #expect(try answer() == "sql\n")
        #expect(try answer("--key", "team-a", "--header", "X-Tenant: blue") == "sql\n")
        #expect(try answer("--key", "team-b", "--header", "x-tenant:blue") != "sql\n")
        #expect(try answer("--key", "team-a") != "sql\n")
        #expect(try Invocation("route", "--header", "nonsense", text).status == 2)
    }

    @Test func aDecisionIsDrawn() throws {
        let path = try file("map.svg")
        let run = try Invocation("route", "--explain", "--map", path, "how many rivers run through </svg><script>texas")
        #expect(run.status == 0)
        let svg = try String(contentsOfFile: path, encoding: .utf8)
        #expect(svg.contains("&lt;script&gt;") && !svg.contains("<script"))
        #expect(svg.contains(">sql<") && svg.contains(">bash<") && svg.contains("none of them"))
        let parser = XMLParsing(svg)
        #expect(parser.error == nil && parser.elements > 100)
        #expect(try Invocation("route", "--map", path, "text").status == 2)
        #expect(try Invocation("route", "--explain", "--map", "/nowhere/map.svg", "text").errors.contains("/nowhere/map.svg: the map can't be written: there is no folder /nowhere"))
        #expect(try Invocation("route", "--explain", "--map", "", "text").status == 2)
        let folder = (path as NSString).deletingLastPathComponent
        #expect(try Invocation("route", "--explain", "--map", folder, "text").errors.contains("\(folder): the map can't be written: there is a folder"))
    }
}

/// Tags that open and close in turn, attributes in quotes, no bare signs: enough to say that a document is well-formed.
private struct XMLParsing {
    private(set) var elements = 0
    private(set) var error: String?

    init(_ text: String) {
        var open: [Substring] = []
        var rest = text[...]
        while let start = rest.firstIndex(of: "<") {
            let before = rest[..<start]
            if before.contains(">") { error = "a bare > before \(rest[start...].prefix(40))" }
            if before.replacing(/&(amp|lt|gt|quot|#39);/, with: "").contains("&") { error = "a bare & in \(before.suffix(40))" }
            guard let end = rest[start...].firstIndex(of: ">") else {
                error = "a tag that does not end"
                return
            }
            let tag = rest[rest.index(after: start)..<end]
            rest = rest[rest.index(after: end)...]
            if tag.hasPrefix("/") {
                guard let last = open.popLast(), last == tag.dropFirst() else {
                    error = "\(tag) closes nothing"
                    return
                }
                continue
            }
            elements += 1
            if tag.count(where: { $0 == "\"" }) % 2 != 0 { error = "a quotation mark too few in \(tag)" }
            if !tag.hasSuffix("/") { open.append(tag.prefix { !$0.isWhitespace }) }
        }
        if !open.isEmpty { error = "\(open) stay open" }
    }
}
