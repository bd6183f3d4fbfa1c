import Hub
import TestSupport
import Testing

@Suite struct HubReferenceTests {
    @Test func aReferenceNamesRepositoryRevisionAndFile() throws {
        let whole = try HubReference("hf:acme/tiny-1.5@refs/pr/3:sub/tiny-Q4_K_M.gguf")
        #expect(whole.repository.id == "acme/tiny-1.5" && whole.repository.name == "tiny-1.5")
        #expect(whole.revision == "refs/pr/3" && whole.file == "sub/tiny-Q4_K_M.gguf")
        #expect(whole.description == "hf:acme/tiny-1.5@refs/pr/3:sub/tiny-Q4_K_M.gguf")
        #expect(whole.repository.folderName == "models--acme--tiny-1.5")
        let short = try HubReference("gpt2")
        #expect(short.repository.id == "gpt2" && short.revision == "main" && short.file == nil && short.description == "hf:gpt2")
        #expect(HubReference.isReference("hf:gpt2") && !HubReference.isReference("models/base.gguf"))
    }

    @Test(arguments: [
        "", "hf:", "hf:/tiny", "hf:acme/", "hf:a/b/c", "hf:../x", "hf:acme/..", "hf:.acme/x", "hf:acme/-x", "hf:acme/x.", "hf:acme/x--y", "hf:acme/x.git",
        "hf:acme/x y", "hf:acme/x\0", "hf:acme/ä", "hf:acme/x@", "hf:acme/x@a/../b", "hf:acme/x@/a", "hf:acme/x@a b", "hf:acme/x@.hidden", "hf:acme/x:",
        "hf:acme/x:../y", "hf:acme/x:/etc/passwd", "hf:acme/x:a//b", "hf:" + String(repeating: "a", count: 97),
    ])
    func whatIsNoReferenceIsRefusedWithTheReason(text: String) throws {
        let error = try #require(throws: HubError.self) { try HubReference(text) }
        #expect(error.code == .invalid && !error.message.isEmpty)
    }

    @Test func settingsComeFromTheVariablesOfHuggingFace() throws {
        let plain = try HubSettings(environment: ["HOME": "/nowhere"])
        #expect(plain.endpoint == "https://huggingface.co" && plain.cache == "/nowhere/.cache/huggingface/hub" && plain.token == nil && !plain.isOffline)
        let given = try HubSettings(environment: [
            "HOME": "/nowhere", "HF_HOME": "~/hf", "HF_ENDPOINT": "http://127.0.0.1:9/mirror/", "HF_TOKEN": " secret\n", "HF_HUB_OFFLINE": "Yes",
        ])
        #expect(given.endpoint == "http://127.0.0.1:9/mirror" && given.cache == "/nowhere/hf/hub" && given.token == "secret" && given.isOffline)
        #expect(try HubSettings(environment: ["HOME": "/x", "HF_HUB_CACHE": "/big", "HF_HOME": "/y"]).cache == "/big")
        #expect(try HubSettings(environment: ["XDG_CACHE_HOME": "/c"]).cache == "/c/huggingface/hub")
        #expect(try HubSettings(environment: ["HOME": "/x", "HF_TOKEN": "t", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"]).token == nil)
    }

    @Test func theTokenOfALoginIsRead() throws {
        let folder = try TemporaryFolder()
        try folder.write("from-a-file\n", to: "token")
        #expect(try HubSettings(environment: ["HF_HOME": folder.path]).token == "from-a-file")
        #expect(try HubSettings(environment: ["HF_HOME": folder.path, "HF_TOKEN": "mine"]).token == "mine")
        try folder.write("two lines\r\nInjected: yes", to: "token")
        let error = try #require(throws: HubError.self) { try HubSettings(environment: ["HF_HOME": folder.path]) }
        #expect(error.code == .invalid && error.place == folder.place("token"))
    }

    @Test(arguments: ["huggingface.co", "ftp://hub", "file:///etc", "https://user:pw@hub", "https://hub?x=1", "http://"])
    func anEndpointThatIsNoAddressIsRefused(text: String) throws {
        let error = try #require(throws: HubError.self) { try HubSettings(environment: ["HOME": "/x", "HF_ENDPOINT": text]) }
        #expect(error.place == "HF_ENDPOINT")
    }
}
