@testable import Hub
import JSON
import Testing

@Suite struct ModelCardTests {
    @Test func theHeadOfAReadmeNamesLicenceAndBase() {
        let card = ModelCard(readme: "---\nlicense: apache-2.0\nbase_model:\n- acme/base\n  - \"acme/other\"\nnested:\n  license: wrong\ntags: [a]\n---\n# license: none\n")
        #expect(card.license == "apache-2.0" && card.baseModels == ["acme/base", "acme/other"])
        let own = ModelCard(readme: "---\r\nlicense: other\r\nlicense_name: 'acme-1'\r\nlicense_link: https://acme.example/l\r\nbase_model: acme/base\r\n---\r\n")
        #expect(own.license == "acme-1" && own.licenseLink == "https://acme.example/l" && own.baseModels == ["acme/base"])
    }

    @Test(arguments: ["", "# A model\n", "---\nlicense: mit\n", "license: mit\n---\n", "---\n---\n"])
    func aReadmeWithoutAWholeHeadSaysNothing(text: String) {
        #expect(ModelCard(readme: text) == ModelCard())
    }

    @Test func theHubsDataSaysTheSame() throws {
        let card = ModelCard(try JSONValue.parse(#"{"license": ["mit"], "base_model": ["a/b", 3], "license_link": "\u001b[31mx"}"#))
        #expect(card.license == "mit" && card.baseModels == ["a/b"] && card.licenseLink == " [31mx", "no control characters reach a terminal")
        #expect(ModelCard(.null) == ModelCard())
        var more = ModelCard()
        more.baseModels = ["c/d"]
        #expect(ModelCard().completed(by: more).baseModels == ["c/d"] && card.completed(by: more).baseModels == ["a/b"])
    }
}
