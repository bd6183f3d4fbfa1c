import ChatTemplates
import Foundation
import JSON
import Testing

@Suite struct ErrorTests {
    private func failure(_ source: String, _ context: JSONObject = [:]) -> TemplateError? {
        do throws(TemplateError) {
            _ = try ChatTemplate(source: source).render(context)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        ("{{ a", 1, 1), ("text\n  {% if x %}\n  {{ 1 + }}\n{% endif %}", 3, 10), ("{% for x of y %}{% endfor %}", 1, 10),
        ("é🙂{{ x y }}", 1, 8), ("{{ 'a\\u12' }}", 1, 6), ("a\r\nb\r\n{% nope %}", 3, 4), ("{{ (1] }}", 1, 6),
        ("{% if x %}", 1, 11), ("{{ x|nope }}", 1, 6), ("{#", 1, 1), ("{% include 'x' %}", 1, 4),
    ])
    func aBadTemplateSaysWhere(source: String, line: Int, column: Int) throws {
        let error = try #require(failure(source))
        #expect(error.code == .syntax)
        #expect((error.line, error.column) == (line, column), "\(error)")
    }

    @Test(arguments: [
        ("{% for m in messages %}\n{{ m.role + m.content }}{% endfor %}", TemplateError.Code.type, 2, 11),
        ("a\n\n {{ nothing.here }}", .undefined, 3, 12), ("{{ 1 // 0 }}", .value, 1, 6),
        ("{{ raise_exception('no') }}", .raised, 1, 4), ("{{ [].append(1) }}", .security, 1, 6),
        ("{% for x in 5 %}{% endfor %}", .type, 1, 13), ("{% set a, b = [1] %}", .value, 1, 8),
        ("{{ range(1000000) }}", .limitExceeded, 1, 4),
    ])
    func aFailingRenderingSaysWhere(source: String, code: TemplateError.Code, line: Int, column: Int) throws {
        let messages: JSONValue = [["role": "user", "content": 5]]
        let error = try #require(failure(source, ["messages": messages]))
        #expect(error.code == code)
        #expect((error.line, error.column) == (line, column), "\(error)")
    }

    @Test func theTemplatesOwnRefusalIsItsMessage() throws {
        let error = try #require(failure("{{ raise_exception('Roles must alternate') }}"))
        #expect(error.message == "Roles must alternate")
        #expect(error.description == "line 1, column 4: Roles must alternate")
    }

    @Test func strftimeTellsTheGivenTime() throws {
        let template = try ChatTemplate(source: "{{ strftime_now('%Y-%m') }}|{{ strftime_now('') }}")
        // The middle of a month, so that no time zone changes it.
        #expect(try template.render([:], now: Date(timeIntervalSince1970: 1_731_628_800)) == "2024-11|")
    }
}
