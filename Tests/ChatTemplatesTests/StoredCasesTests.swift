import ChatTemplates
import Foundation
import JSON
import Testing

@Suite struct StoredCasesTests {
    private func outcome(_ source: String, _ context: JSONObject) -> Result<String, TemplateError> {
        do throws(TemplateError) {
            return .success(try ChatTemplate(source: source).render(context))
        } catch {
            return .failure(error)
        }
    }

    private func expectSame(_ name: String, _ source: String, _ context: JSONObject, _ stored: JSONCursor) throws {
        switch outcome(source, context) {
        case .success(let text):
            let expected = try stored["text"].optionalString()
            #expect(
                Array(text.utf8) == expected.map { Array($0.utf8) },
                "\(name) gave \(text.debugDescription), stored is \(expected.debugDescription)")
        case .failure(let error):
            #expect(stored["error"].exists, "\(name) failed: \(error)")
            #expect(error.line > 0 && error.column > 0, "\(name): the error has no place: \(error)")
        }
    }

    @Test func everyFamilyRendersAsJinja() throws {
        let stored = try StoredCases()
        let cases = try JSONCursor(.object(stored.document))["cases"].array()
        #expect(cases.count > 200)
        for stored_case in cases {
            let name = try stored_case["template"].string()
            let conversation = try stored_case["conversation"].string()
            let options = try stored_case["options"].object()
            try expectSame(
                "\(name), \(conversation), \(options.keys)", stored.template(name),
                stored.context(conversation: conversation, options: options), stored_case)
        }
    }

    @Test func everySnippetRendersAsJinja() throws {
        let root = JSONCursor(.object(try StoredCases().document))
        let values = try root["values"].object()
        let snippets = try root["snippets"].array()
        #expect(snippets.count > 180)
        for snippet in snippets {
            let source = try snippet["source"].string()
            try expectSame(source, source, values, snippet)
        }
    }
}
