import Foundation
import JSON
import OpenAIAPI
import TestSupport
import Testing

@testable import Gateway

/// Adapters whose files come over HTTP, to a service with sockets.
@Suite struct UploadTests {
    private static let keys = try! APIKeys(file: "user:sk-user\nadmin:sk-root\n")
    private static let files = ["adapter_config.json", "adapter_model.safetensors", "route.yaml"]
    private static let root = "Authorization: Bearer sk-root\r\n"

    private func withSite(
        keys: APIKeys = APIKeys(), _ configure: @escaping @Sendable (inout ServiceConfiguration) -> Void = { _ in },
        _ body: (Site) async throws -> Void
    ) async throws {
        let site = try await Site(keys: keys, configure: { configuration, _ in configure(&configuration) })
        do {
            try TinyAdapter.write("poems", in: try site.folder.makeFolder("source"), value: 3, examples: ["write a poem on rain", "a sonnet of the sea"])
            try await site.open()
            try await body(site)
        } catch {
            await site.service.stop()
            throw error
        }
        await site.service.stop()
    }

    /// Sends the files of `source/poems`, each in pieces of at most `piece` bytes.
    private func upload(
        _ name: String, _ site: Site, files: [String] = UploadTests.files, piece: Int = 1 << 20, headers: String = ""
    ) async throws {
        for file in files {
            let bytes = try site.folder.read("source/poems/\(file)")
            for first in stride(from: 0, to: bytes.count, by: piece) {
                let answer = try await send(name, file, bytes, first..<min(first + piece, bytes.count), site, headers: headers)
                #expect(answer.status == 200, "\(answer.text)")
                let isLast = first + piece >= bytes.count
                #expect(try answer.json()["bytes"]?.intValue == min(first + piece, bytes.count) && answer.json()["complete"] == .bool(isLast))
            }
        }
    }

    private func send(
        _ name: String, _ file: String, _ bytes: [UInt8], _ range: Range<Int>, _ site: Site, headers: String = ""
    ) async throws -> Site.Answer {
        let place = "Content-Range: bytes \(range.lowerBound)-\(range.upperBound - 1)/\(bytes.count)\r\n"
        return try await site.ask("PUT", "/v1/adapters/\(name)/files/\(file)", bytes: Array(bytes[range]), headers: headers + place)
    }

    private func publish(_ name: String, _ site: Site, replace: Bool = false, headers: String = "") async throws -> Site.Answer {
        try await site.ask("PUT", "/v1/adapters/\(name)", "{\"uploaded\":true,\"replace\":\(replace)}", headers: headers)
    }

    private func put(_ file: String, _ site: Site, _ body: String = "{}", headers: String = "") async throws -> Site.Answer {
        try await site.ask("PUT", "/v1/adapters/poems/files/\(file)", body, headers: headers)
    }

    @Test(arguments: [1 << 20, 100]) func anUploadedAdapterIsServedAndEqualsItsFolderBitForBit(piece: Int) async throws {
        try await withSite { site in
            try await upload("verses", site, piece: piece)
            #expect(try await site.ask("GET", "/v1/models/verses").status == 404, "nothing is served before it is published")
            let published = try await publish("verses", site)
            #expect(published.status == 201, "\(published.text)")
            #expect(try published.json()["state"] == "ready" && published.json()["folder"] == "verses")
            #expect(try await site.chat("a poem on the sea").headers["x-lmoe-adapter"] == "verses")
            for file in Self.files {
                #expect(try site.folder.read("adapters/verses/\(file)") == site.folder.read("source/poems/\(file)"), "\(file)")
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: site.configuration.adapters).sorted() == ["geo", "shell", "verses"])
            // A copy of the same files has the same version.
            try FileManager.default.copyItem(atPath: "\(site.folder.path)/source/poems", toPath: "\(site.configuration.adapters)/copied")
            #expect(try await site.until { try await site.chat("x", model: "copied").status == 200 })
            let versions = try await [site.chat("x", model: "copied"), site.chat("x", model: "verses")].map { try $0.json()["lmoe"]?["version"] }
            #expect(versions[0] == versions[1] && versions[0]?.stringValue?.isEmpty == false)
            #expect(try await publish("verses", site, replace: true).status == 404, "an upload is published once")
        }
    }

    @Test func aServedAdapterIsReplacedOnlyOnRequestAndByACheckedOne() async throws {
        try await withSite { site in
            let before = try await site.chat("x", model: "geo").json()["lmoe"]?["version"]
            try await upload("geo", site, files: ["adapter_config.json"])
            let weights = try site.folder.read("source/poems/adapter_model.safetensors")
            #expect(try await send("geo", "adapter_model.safetensors", weights, 0..<200, site).status == 200)
            #expect(try await publish("geo", site).status == 409)
            let cut = try await publish("geo", site, replace: true)
            #expect(cut.status == 400 && cut.text.contains("adapter_model.safetensors") && cut.text.contains("first 200 bytes"), "\(cut.text)")
            let wrong = Array(repeating: UInt8(7), count: 300)
            #expect(try await send("geo", "adapter_model.safetensors", wrong, 0..<300, site).status == 200)
            let refused = try await publish("geo", site, replace: true)
            #expect(refused.status == 400 && refused.text.contains("adapter_model.safetensors"), "\(refused.text)")
            #expect(try await site.chat("x", model: "geo").json()["lmoe"]?["version"] == before)
            // Only the file that was refused is sent again.
            try await upload("geo", site, files: ["adapter_model.safetensors"])
            #expect(try await publish("geo", site, replace: true).status == 201)
            let after = try await site.chat("x", model: "geo")
            #expect(try after.status == 200 && after.json()["lmoe"]?["version"] != before)
            #expect(try site.folder.read("adapters/geo/adapter_model.safetensors") == weights)
        }
    }

    @Test func anInterruptedUploadGoesOnAndLosesNothingThatIsServed() async throws {
        try await withSite { site in
            let file = "adapter_model.safetensors"
            let bytes = try site.folder.read("source/poems/\(file)")
            try await upload("geo", site, files: ["adapter_config.json"])
            #expect(try await send("geo", file, bytes, 0..<100, site).status == 200)
            // The connection breaks in the middle of a piece.
            let port = site.port
            try await LoopbackClient.run {
                let client = try LoopbackClient(port: port)
                client.send("PUT /v1/adapters/geo/files/\(file) HTTP/1.1\r\nHost: h\r\nContent-Range: bytes 100-299/\(bytes.count)\r\nContent-Length: 200\r\n\r\n")
                client.send(bytes[100..<150])
            }
            #expect(try site.folder.read("adapters/.upload-geo/.part-\(file)") == Array(bytes[..<100]))
            #expect(try await site.chat("x", model: "geo").status == 200)
            let gap = try await send("geo", file, bytes, 200..<bytes.count, site)
            #expect(gap.status == 400 && gap.text.contains(file) && gap.text.contains("100 bytes have come"), "\(gap.text)")
            // The answer to a piece was lost: it comes again, also the last one.
            for first in [50, 100, 150] {
                #expect(try await send("geo", file, bytes, first..<bytes.count, site).json()["complete"] == true)
            }
            #expect(try await publish("geo", site, replace: true).status == 201)
            #expect(try site.folder.read("adapters/geo/\(file)") == bytes)
        }
    }

    @Test func onlyAdminsAndPagesOfThisMachineUpload() async throws {
        try await withSite(keys: Self.keys) { site in
            for (key, status) in [("", 401), ("Authorization: Bearer nope\r\n", 401), ("Authorization: Bearer sk-user\r\n", 403)] {
                #expect(try await put("adapter_config.json", site, headers: key).status == status)
                #expect(try await site.ask("DELETE", "/v1/adapters/poems/files", headers: key).status == status)
                #expect(try await publish("poems", site, headers: key).status == status)
            }
            #expect(try await put("adapter_config.json", site, headers: Self.root + "Origin: https://elsewhere.example\r\n").status == 403)
            #expect(!site.folder.exists("adapters/.upload-poems"))
            try await upload("poems", site, headers: Self.root)
            #expect(try await publish("poems", site, headers: Self.root).status == 201)
        }
    }

    @Test func namesThatNoFileOfAnAdapterHasAreRefused() async throws {
        try await withSite { site in
            for file in ["adapter_model.bin", "optimizer.pt", "weights.PTH", "x.pkl"] {
                let answer = try await put(file, site)
                #expect(answer.status == 400 && answer.text.contains(file) && answer.text.contains("scripts/convert-pickle"), "\(answer.text)")
            }
            for (file, word) in [("run.sh", ".safetensors"), (".hidden.json", "dot"), ("-a.json", "hyphen"), ("a%2Fb.json", "letters"), ("a%00.json", "decode"), ("%C3%A4.json", "letters")] {
                let answer = try await put(file, site)
                #expect(answer.status == 400 && answer.text.contains(word), "\(file): \(answer.text)")
            }
            #expect(try await put(String(repeating: "a", count: 200) + ".json", site).status == 400)
            // Dots of a path are resolved, and no endpoint takes what is left.
            for path in ["../x.json", "..%2f..%2fx.json", "a/b.json", "../../../x.json"] {
                let status = try await put(path, site).status
                #expect(status == 400 || status == 404, "\(path): \(status)")
            }
            for name in ["base", ".upload-x", "a%20b", "..%2fx"] {
                #expect(try await site.ask("PUT", "/v1/adapters/\(name)/files/adapter_config.json", "{}").status == 400, "\(name)")
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: site.configuration.adapters).sorted() == ["geo", "shell"])
            #expect(try FileManager.default.contentsOfDirectory(atPath: site.folder.path).sorted() == ["adapters", "source"])
        }
    }

    @Test func aLinkInTheUploadIsNotFollowed() async throws {
        try await withSite { site in
            try site.folder.write("mine", to: "secret")
            try site.folder.makeFolder("adapters/.upload-poems")
            try site.folder.link("adapters/.upload-poems/.part-README.md", to: site.folder.place("secret"))
            let answer = try await put("README.md", site, "gone")
            #expect(answer.status >= 400 && !answer.text.contains(site.folder.path), "\(answer.text)")
            #expect(try site.folder.text("secret") == "mine")
        }
    }

    @Test(arguments: ["bytes 0-1/3", "bytes 1-0/4", "bytes 0-3/3", "0-3/4", "bytes 0-3/*", "bytes -3/4", "bytes 0-99999999999999999999/4"])
    func aRangeThatIsNoneIsRefused(range: String) async throws {
        try await withSite { site in
            let answer = try await put("README.md", site, "abcd", headers: "Content-Range: \(range)\r\n")
            #expect(answer.status == 400 && answer.text.contains("Content-Range"), "\(answer.text)")
            #expect(!site.folder.exists("adapters/.upload-poems"))
        }
    }

    @Test func bytesFilesAndUploadsAreLimited() async throws {
        try await withSite({ configuration in
            configuration.limits.adapters.uploadedBytes = 10
            configuration.limits.adapters.uploadedFiles = 2
            configuration.limits.adapters.uploads = 2
        }) { site in
            #expect(try await put("a.json", site, "123456").status == 200)
            let large = try await put("b.json", site, "12345")
            #expect(large.status == 413 && large.text.contains("b.json") && large.text.contains("upload-limit"), "\(large.text)")
            // The length that is announced counts, before it has come.
            #expect(try await put("b.json", site, "1", headers: "Content-Range: bytes 0-0/5\r\n").status == 413)
            #expect(try await put("b.json", site, "1234").status == 200)
            #expect(try await put("b.json", site, "4321").status == 200, "a file may come again")
            let many = try await put("c.json", site, "")
            #expect(many.status == 413 && many.text.contains("c.json") && many.text.contains("2 files"), "\(many.text)")
            #expect(try await site.ask("PUT", "/v1/adapters/two/files/a.json", "").status == 200)
            #expect(try await site.ask("PUT", "/v1/adapters/three/files/a.json", "").status == 413)
            #expect(try await site.ask("DELETE", "/v1/adapters/poems/files").status == 200)
            #expect(!site.folder.exists("adapters/.upload-poems"))
            #expect(try await site.ask("PUT", "/v1/adapters/three/files/a.json", "1234567890").status == 200)
        }
        try await withSite({ $0.limits.adapters.uploadedBytes = 0 }) { site in
            let answer = try await put("a.json", site)
            #expect(answer.status == 403 && answer.text.contains("--upload-limit"), "\(answer.text)")
        }
    }

    @Test func anUploadThatIsNotPublishedExpires() async throws {
        try await withSite({ $0.limits.adapters.uploadSeconds = 1 }) { (site: Site) async throws in
            #expect(try await put("adapter_config.json", site).status == 200)
            #expect(try await site.until { !site.folder.exists("adapters/.upload-poems") })
            #expect(try await site.until { site.log.lines.contains { $0.contains("not published is deleted") && $0.contains("adapter=poems") } })
            #expect(site.folder.exists("adapters/geo"))
        }
    }

    @Test func uploadsOfEarlierAreSweptAtTheStartUnlessTheyAreYoung() async throws {
        for (seconds, isSwept) in [(0, true), (3_600, false)] {
            let site = try await Site(configure: { configuration, folder in
                try folder.write("{}", to: "adapters/.upload-old/adapter_config.json")
                configuration.limits.adapters.uploadSeconds = seconds
            })
            try await site.open()
            if isSwept {
                #expect(try await site.until { !site.folder.exists("adapters/.upload-old") })
            } else {
                // An answer of the queue on which uploads are swept.
                #expect(try await site.ask("GET", "/v1/adapters").status == 200)
                #expect(site.folder.exists("adapters/.upload-old/adapter_config.json"))
            }
            await site.service.stop()
        }
    }
}
