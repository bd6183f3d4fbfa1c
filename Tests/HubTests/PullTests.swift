import Foundation
import Hub
import HubSupport
import TestSupport
import Testing

@Suite struct PullTests {
    @Test func aSnapshotHasTheLayoutThatHuggingFacesClientHas() throws {
        let bench = try HubBench()
        let snapshot = try bench.pull()
        let commit = HubBench.tiny.commit
        #expect(snapshot.commit == commit && snapshot.folder == "\(bench.cache)/models--acme--tiny/snapshots/\(commit)" && snapshot.path == snapshot.folder)
        #expect(try bench.folder.text("\(bench.repository)/refs/main") == commit)
        let link = try FileManager.default.destinationOfSymbolicLink(atPath: "\(snapshot.folder)/model.safetensors")
        #expect(link == "../../blobs/\(bench.weightsHash)")
        let deep = try FileManager.default.destinationOfSymbolicLink(atPath: "\(snapshot.folder)/additional_chat_templates/tool_use.jinja")
        #expect(deep.hasPrefix("../../../blobs/"))
        #expect(try bench.folder.read(bench.weightsBlob) == HubBench.weights)
        let names = Set(snapshot.files.map(\.name))
        #expect(names == ["config.json", "model.safetensors", "tokenizer.json", "README.md", "additional_chat_templates/tool_use.jinja"])
        #expect(!FileManager.default.fileExists(atPath: "\(snapshot.folder)/pytorch_model.bin"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(bench.cache)/models--acme--tiny/blobs").count == names.count, "nothing is left over")
        #expect(snapshot.card.license == "apache-2.0" && snapshot.card.baseModels == ["acme/base"])
        #expect(snapshot.fetchedFiles == 5 && snapshot.byteCount == snapshot.fetchedBytes)
    }

    @Test func whatIsThereIsNotFetchedAgain() throws {
        let bench = try HubBench()
        try bench.pull()
        bench.server.forgetRequests()
        let again = try bench.pull()
        #expect(again.fetchedFiles == 0 && bench.fetched.isEmpty && again.files.count == 5)
        // A commit with one other file: only that one is fetched, and both snapshots stay.
        var next = HubBench.tiny
        next.commit = String(repeating: "00ff", count: 10)
        next.files["config.json"] = Array("{}".utf8) + [10]
        bench.server.set("acme/tiny", next)
        let newer = try bench.pull()
        #expect(newer.fetchedFiles == 1 && bench.fetched.count == 1)
        #expect(try bench.folder.text("\(bench.repository)/refs/main") == next.commit)
        #expect(bench.folder.exists("\(bench.repository)/snapshots/\(HubBench.tiny.commit)/config.json"))
    }

    @Test func aCommitIsARevisionWithoutAReference() throws {
        let bench = try HubBench()
        let snapshot = try bench.pull("hf:acme/tiny@\(HubBench.tiny.commit)")
        #expect(snapshot.commit == HubBench.tiny.commit && !bench.folder.exists("\(bench.repository)/refs/main"))
    }

    @Test func theListOfFilesGoesOnOnTheNextPages() throws {
        let bench = try HubBench(pageSize: 2)
        #expect(try bench.pull().files.count == 5)
        #expect(bench.server.requests.filter { $0.path.contains("/tree/") }.count == 4)
        #expect(try bench.refusal(limits: { var limits = HubLimits(); limits.pages = 2; return limits }())?.code == .limitExceeded)
    }

    @Test func theTokenGoesToTheHubAndNotToWhereItRedirects() throws {
        let bench = try HubBench()
        let network = try HubServer()
        network.set("acme/tiny", HubBench.tiny)
        bench.server.deliver(by: network)
        try bench.pull(token: "secret")
        #expect(try bench.folder.read(bench.weightsBlob) == HubBench.weights)
        #expect(bench.server.requests.allSatisfy { $0.headers["authorization"] == "Bearer secret" })
        #expect(network.requests.count == 1 && network.requests.allSatisfy { $0.headers["authorization"] == nil && $0.path == "/content/\(bench.weightsHash)" })
        #expect(bench.server.requests.allSatisfy { $0.headers["accept-encoding"] == "identity" })
    }

    @Test func aRepositoryThatWasRenamedIsFollowed() throws {
        let bench = try HubBench()
        bench.server.set(fault: { request in
            guard request.path.contains("/old/") else { return nil }
            let location = request.path.replacing("/old/", with: "/acme/") + (request.query.isEmpty ? "" : "?\(request.query)")
            return HubAnswer(status: 307, headers: ["Location: \(location)"])
        })
        #expect(try bench.pull("hf:old/tiny", token: "t").files.count == 5)
        bench.server.set(fault: { HubAnswer(status: 302, headers: ["Location: \($0.path)"]) })
        #expect(try bench.refusal()?.message.contains("redirects more than 8 times") == true)
        bench.server.set(fault: { _ in HubAnswer(status: 302, headers: ["Location: file:///etc/passwd"]) })
        #expect(try bench.refusal()?.code == .malformed)
    }

    @Test func aMirrorWithoutHeadersIsTrustedAsFarAsTheHashesGo() throws {
        let bench = try HubBench()
        bench.server.set(fault: { request in
            guard request.path.contains("/resolve/"), let name = request.path.split(separator: "/").last.map(String.init) else { return nil }
            guard let content = HubBench.tiny.files[name] ?? HubBench.tiny.files["additional_chat_templates/\(name)"] else { return nil }
            var answer = HubAnswer(content, for: request)
            // Neither the hash of a multipart upload nor one of another kind is taken for the content's.
            answer.headers.append(name == "config.json" ? "ETag: \"\(String(repeating: "7", count: 40))\"" : "ETag: \"d41d8cd98f00b204e9800998ecf8427e-3\"")
            return answer
        })
        #expect(try bench.pull().fetchedFiles == 5)
    }

    @Test func aListWithoutHashesIsCompletedByTheHeaders() throws {
        let bench = try HubBench()
        bench.server.set(fault: { request in
            guard request.path.contains("/tree/") else { return nil }
            return HubAnswer(json: #"[{"type": "file", "path": "config.json"}, {"type": "file", "path": "model.safetensors", "size": 134}, {"type": "file", "path": "tokenizer.json"}]"#)
        })
        // The list has the size of a pointer, as a mirror without Git LFS may.
        #expect(try bench.refusal()?.message.contains("lists 134 bytes and then says 700000") == true)
        bench.server.set(fault: { request in
            guard request.path.contains("/tree/") else { return nil }
            return HubAnswer(json: #"[{"type": "file", "path": "config.json"}, {"type": "file", "path": "model.safetensors"}, {"type": "file", "path": "tokenizer.json"}]"#)
        })
        #expect(try bench.pull().fetchedFiles == 3)
        #expect(try bench.folder.read(bench.weightsBlob) == HubBench.weights)
    }

    @Test(arguments: ["../evil.json", "/etc/passwd", "a/../../b.json", "a//b.json", "./x.json", #"a\u0000b.json"#, #"a\u001b[2Jb.json"#])
    func aRepositoryWithANameThatLeavesTheFolderIsRefusedWhole(name: String) throws {
        let bench = try HubBench()
        bench.server.set(fault: { request in
            request.path.contains("/tree/")
                ? HubAnswer(json: #"[{"type": "file", "path": "config.json", "size": 2, "oid": "x"}, {"type": "file", "path": "\#(name)", "size": 2, "oid": "x"}]"#) : nil
        })
        #expect(try bench.refusal()?.code == .unsafeName)
        #expect(!bench.folder.exists("hub"), "nothing was written")
    }

    @Test func aDiskWithoutRoomIsSaidBeforeAnythingIsFetched() throws {
        let bench = try HubBench()
        var limits = HubLimits()
        limits.spareBytes = .max / 2
        let refusal = try bench.refusal(limits: limits)
        #expect(refusal?.code == .noSpace && refusal?.message.contains("HF_HUB_CACHE") == true && bench.fetched.isEmpty)
    }

    @Test func eventsTellThePlanTheBytesAndTheEnd() throws {
        let bench = try HubBench()
        try bench.pull()
        var (done, planned) = (0, 0)
        var finished: [String] = []
        for event in bench.events {
            switch event {
            case .planned(let files, let bytes):
                planned = bytes
                #expect(files.count == 5 && bytes == files.reduce(0) { $0 + $1.size })
            case .progress(let now, let total):
                #expect(now >= done && now <= total)
                done = now
            case .finished(let file, let isFetched):
                #expect(isFetched)
                finished.append(file.name)
            default: break
            }
        }
        #expect(finished.count == 5 && finished.last == "model.safetensors" && done == planned && planned > HubBench.weights.count)
    }
}
