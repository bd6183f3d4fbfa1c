import Generation
import HTTP
import JSON
import Testing
import UV

@testable import OpenAIAPI

@Suite struct FileTests {
    /// As the `openai` client (httpx) writes it.
    static func form(_ parts: [(header: String, content: String)], boundary: String = "b0") -> String {
        parts.map { "--\(boundary)\r\nContent-Disposition: form-data; \($0.header)\r\n\r\n\($0.content)\r\n" }.joined() + "--\(boundary)--\r\n"
    }

    private static let purpose = (header: "name=\"purpose\"", content: "fine-tune")
    private static func file(_ name: String = "a.jsonl", _ content: String = "{}\n") -> (header: String, content: String) {
        ("name=\"file\"; filename=\"\(name)\"\r\nContent-Type: application/octet-stream", content)
    }

    @LoopActor private func upload(
        _ api: TestAPI, _ parts: [(header: String, content: String)], type: String = "multipart/form-data; boundary=b0"
    ) async -> HTTPResponseRecorder {
        await api.send("POST", "/v1/files", Self.form(parts), headers: ["Content-Type": type])
    }

    @LoopActor @Test func aFileIsUploadedListedReadAndDeletedInOpenAIsShapes() async throws {
        let api = TestAPI(tuning: ScriptedTuning())
        let content = "{\"prompt\": \"a\"}\r\n--b\r\n{\"prompt\": \"ü\"}\n"
        let answer = await upload(
            api, [Self.purpose, Self.file("train.jsonl", content), ("name=\"expires_after[anchor]\"", "created_at"), ("name=\"expires_after[seconds]\"", "3600")])
        #expect(
            answer.text == """
                {"id":"file-0","object":"file","bytes":\(content.utf8.count),"created_at":7,"filename":"train.jsonl","purpose":"fine-tune",\
                "status":"processed","expires_at":3607}
                """)
        #expect(api.tuning?.files.withLock { $0[0].content } == Array(content.utf8))
        let list = try await api.send("GET", "/v1/files?purpose=fine-tune&limit=5&order=asc&after=file-9").json()
        #expect(list["object"] == "list" && list["has_more"] == true && list["first_id"] == "file-0" && list["last_id"] == "file-0")
        #expect(api.tuning?.calls.withLock { $0.last } == "files 5 file-9 fine-tune true")
        #expect(try await api.send("GET", "/v1/files/file-0").json()["filename"] == "train.jsonl")
        let body = await api.send("GET", "/v1/files/file-0/content")
        #expect(body.body == Array(content.utf8) && body.headers["Content-Type"] == "application/octet-stream" && !body.isCutOff)
        #expect(await api.send("DELETE", "/v1/files/file-0").text == "{\"id\":\"file-0\",\"object\":\"file\",\"deleted\":true}")
    }

    @LoopActor @Test func aLongFileComesInPiecesAndWaitsForASlowReader() async throws {
        let api = TestAPI(tuning: ScriptedTuning())
        let content = String(repeating: "0123456789", count: 40_000)
        _ = await upload(api, [Self.purpose, Self.file("long.jsonl", content)])
        let body = await api.send("GET", "/v1/files/file-0/content")
        #expect(body.writes.count == 4 && body.body.count == 400_000 && body.isEnded && !body.isCutOff)
        let recorder = HTTPResponseRecorder()
        recorder.bufferedBytes = recorder.saturationBytes
        let responder = HTTPResponder(sink: recorder)
        api.service.handle(HTTPRequest(method: "GET", target: "/v1/files/file-0/content"), responder)
        while recorder.writes.isEmpty { await Task.yield() }
        #expect(recorder.writes.count == 1)
        recorder.bufferedBytes = 0
        responder.drained()
        await recorder.untilEnded()
        #expect(recorder.body.count == 400_000)
    }

    @LoopActor @Test func aFileThatBecameShorterIsCutOffAndNotTakenForWhole() async throws {
        let api = TestAPI(tuning: ScriptedTuning())
        _ = await upload(api, [Self.purpose, Self.file()])
        api.tuning?.files.withLock { $0[0].file.bytes = 100 }
        let body = await api.send("GET", "/v1/files/file-0/content")
        #expect(body.isCutOff && api.records.last?.errorCode == .internalFailure)
    }

    @LoopActor @Test(arguments: [
        ([purpose], "file", 400), ([file()], "purpose", 400), ([purpose, file("a.jsonl", "")], "file", 400),
        ([("name=\"purpose\"", "batch"), file()], "purpose", 400), ([purpose, purpose, file()], "purpose", 400),
        ([purpose, ("name=\"file\"", "{}")], "file", 400), ([purpose, file("..", "{}")], "file", 400), ([purpose, file("a/", "x")], "", 200),
        ([purpose, file(), ("name=\"color\"", "red")], "color", 400), ([purpose, file("a.jsonl", "0123456789")], "file", 413),
        ([purpose, file(), ("name=\"expires_after[seconds]\"", "3600")], "expires_after[anchor]", 400),
        ([purpose, file(), ("name=\"expires_after[anchor]\"", "created_at"), ("name=\"expires_after[seconds]\"", "60")], "expires_after[seconds]", 400),
    ])
    func badUploadsNameTheField(parts: [(String, String)], param: String, status: Int) async throws {
        var limits = FineTuningLimits()
        limits.fileBytes = 9
        let answer = await upload(TestAPI(tuning: ScriptedTuning(limits: limits)), parts.map { (header: $0.0, content: $0.1) })
        #expect(answer.status == status, "\(answer.text)")
        if status != 200 { #expect(try answer.json().error("param") == .string(param)) }
    }

    @LoopActor @Test(arguments: [
        ("../../etc/passwd", "passwd"), ("C:\\data\\x.jsonl", "x.jsonl"), ("n\u{7}ame.jsonl", "name.jsonl"), ("été.jsonl", "été.jsonl"),
    ])
    func aNameHasNoFoldersAndNoControlCharacters(given: String, kept: String) async throws {
        let escaped = given.replacing("\\", with: "\\\\")
        let answer = await upload(TestAPI(tuning: ScriptedTuning()), [Self.purpose, Self.file(escaped)])
        #expect(try answer.json()["filename"] == .string(kept))
    }

    @LoopActor @Test func aNameMayBeWrittenAsRFC8187HasIt() async throws {
        let part = (header: "name=\"file\"; filename*=UTF-8''na%C3%AFve.jsonl", content: "{}")
        #expect(try await upload(TestAPI(tuning: ScriptedTuning()), [Self.purpose, part]).json()["filename"] == "naïve.jsonl")
    }

    /// Cut at each byte, a form is refused or, behind its last boundary, whole: never another form.
    @Test func aFormThatIsCutOffIsRefused() throws {
        let whole = Array(Self.form([Self.purpose, Self.file()]).utf8)
        let boundary = try MultipartForm.boundary("multipart/form-data; boundary=\"b0\"")
        let parts = try MultipartForm(whole, boundary: boundary).parts
        #expect(parts.map(\.name) == ["purpose", "file"] && parts[1].content.elementsEqual("{}\n".utf8))
        for count in 0..<whole.count - 2 {
            #expect(throws: APIError.self, "\(count)") { try MultipartForm(Array(whole[..<count]), boundary: boundary) }
        }
    }

    @LoopActor @Test func otherBodiesAreRefused() async throws {
        for type in ["application/json", "multipart/form-data", "multipart/form-data; boundary=\(String(repeating: "x", count: 71))"] {
            #expect(await upload(TestAPI(tuning: ScriptedTuning()), [Self.purpose, Self.file()], type: type).status == 400)
        }
        let many = (0..<17).map { (header: "name=\"f\($0)\"", content: "x") }
        #expect(await upload(TestAPI(tuning: ScriptedTuning()), many).status == 400)
    }

    @LoopActor @Test func unknownFilesAreNotFoundAndLongNamesAreNotLookedUp() async throws {
        let api = TestAPI(tuning: ScriptedTuning())
        for (method, path) in [("GET", "/v1/files/nope"), ("GET", "/v1/files/nope/content"), ("DELETE", "/v1/files/nope")] {
            let answer = await api.send(method, path)
            #expect(answer.status == 404)
            #expect(try answer.json().error("message") == "No such File object: nope")
        }
        #expect(await api.send("GET", "/v1/files/\(String(repeating: "é", count: 200))").status == 404)
        for query in ["limit=0", "limit=x", "order=up"] { #expect(await api.send("GET", "/v1/files?\(query)").status == 400) }
        #expect(await TestAPI().send("GET", "/v1/files").status == 501)
    }
}
