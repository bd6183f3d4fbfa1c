import ChatTemplates
import JSON
import Testing

/// Steps are counted by the work that an operation does, so that a loop of few and large operations ends as soon as any other.
@Suite struct WorkTests {
    /// What one rendering may do: less than reading `a` or visiting `l` once, and enough for the expression itself.
    private static var budget: TemplateLimits {
        var limits = TemplateLimits()
        limits.steps = 500
        limits.outputBytes = 256 << 20
        limits.createdBytes = .max
        // Steps are what ends a rendering; this only stops a test that would run for minutes.
        limits.processorMilliseconds = 60_000
        return limits
    }

    /// `a` is a text of `size` bytes, `w` as many of words, `l` a list of a tenth as many elements, `d` a mapping of a twentieth.
    private static func context(_ size: Int) -> JSONObject {
        let members: [(key: String, value: JSONValue)] = (0..<size / 20 + 2).map { ("k\($0)", .integer(Int64($0))) }
        return [
            "a": .string(String(repeating: "x", count: size)), "w": .string(String(repeating: "word ", count: size / 5 + 1)),
            "l": .array(Array(repeating: "", count: size / 10)), "d": .object(JSONObject(members)),
        ]
    }

    private static let small = context(1)
    private static let large = context(200_000)

    private func failure(_ source: String, _ context: JSONObject) -> TemplateError? {
        do throws(TemplateError) {
            _ = try ChatTemplate(source: "{% set r = \(source) %}", limits: Self.budget).render(context)
            return nil
        } catch {
            return error
        }
    }

    private static let onText = [
        "a[::-1]", "a[3:]", "a[:-1]", "a[::2]", "a[5]", "a ~ 'b'", "a + 'b'", "a * 2", "'%s!' % a", "(a ~ '%%') % ()", "'b' in a", "a in a",
        "a == a", "a < a", "{a: 1}", "{'k': 1}[a]", "{'k': 1}.get(a)", "a in {'k': 1, 1: 2}", "[][a] is defined", "namespace()[a] is defined",
        "(1, a) in {'k': 1}", "('l' | attr(a)) is defined",
    ]

    private static let methods = [
        "a.capitalize()", "a.casefold()", "a.center(3)", "a.count('b')", "'b'.count(a)", "a.endswith('b')",
        "a.endswith(a)", "a.find('b')", "'b'.find(a)", "a.format()", "a.isalnum()", "a.isalpha()", "a.isascii()", "a.isdecimal()", "a.isdigit()",
        "a.islower()", "a.isnumeric()", "a.isspace()", "a.istitle()", "a.isupper()", "a.join(['b', 'c'])", "a.ljust(3)", "a.lower()",
        "a.lstrip('x')", "a.partition('b')", "'b'.partition(a)", "a.removeprefix('b')", "'b'.removeprefix(a)", "a.removesuffix('b')",
        "a.replace('b', 'c')", "a.replace('x', '')", "'b'.replace(a, 'c')", "a.rfind('b')", "a.rjust(3)", "a.rpartition('b')", "a.rsplit('b')",
        "a.rstrip('x')", "a.split('b')", "'b'.split(a)", "a.split()", "a.splitlines()", "a.startswith('b')", "a.startswith(('b', a))",
        "a.strip('x')", "a.strip()", "'b'.strip(a)", "a.swapcase()", "a.title()", "a.upper()", "a.zfill(3)", "'{}!'.format(a)",
    ]

    private static let filters = [
        "a | capitalize", "a | lower", "a | upper", "a | title", "a | string", "a | escape", "a | trim", "'b' | trim(a)", "a | replace('b', 'c')",
        "'b' | replace(a, 'c')", "['b', 'c'] | join(a)", "a | indent", "a | center(3)", "w | wordcount", "w | truncate(20)",
        "'some words' | truncate(100000000, false, a)", "a | format", "a | length", "a | reverse", "a | first", "a | last", "a | list", "a | int",
        "a | float", "a | tojson", "[a] | tojson", "[a] | string", "[a] | sort", "[a, a] | min", "[a] | unique | list", "[a] | map('upper') | list",
        "['b'] | map(attribute=a) | list", "a is lower", "a is upper", "a is eq a", "a is in a",
    ]

    private static let onLists = [
        "l[1:]", "l[::-1]", "l + l", "l * 2", "l == l", "l < l", "'b' in l", "l.count('b')", "l | list", "l | join", "''.join(l)",
        "l | reverse", "l | sort", "l | unique | list", "l | min", "l | map('upper') | list", "l | map(attribute='b') | list", "l | select | list",
        "l | reject('eq', 'b') | list", "l | batch(2) | list", "l | groupby('b')", "l | tojson", "l | string", "dict.fromkeys(l)",
        "range(l | length) | list", "d.keys()", "d.values()", "d.items()", "d | items | list", "d | dictsort", "d | list", "dict(d)",
        "namespace(**d)", "'{k0}'.format(**d)", "'{} '.format(*l)", "d == d", "'k0' in (d | list)",
    ]

    @Test("an operation takes steps for all that it reads", arguments: onText + methods + filters + onLists)
    func operation(source: String) throws {
        let error = try #require(failure(source, Self.large), "it took less than its budget")
        #expect(error.code == .limitExceeded && error.message.contains("steps"), "\(error)")
        // What stopped it was its size.
        let small = failure(source, Self.small)
        #expect(small?.code != .limitExceeded && small?.code != .syntax, "\(small.map { "\($0)" } ?? "")")
    }

    @Test("a key is hashed with all that lies in it", arguments: ["{'k': 1}[n.x]", "{'k': 1}.get(n.x)", "n.x in {'k': 1}", "{n.x: 1}"])
    func aKeyThatHoldsItselfManyTimes(source: String) {
        let doubling = "{% set n = namespace(x=(1,)) %}{% for i in range(60) %}{% set n.x = (n.x, n.x) %}{% endfor %}"
        #expect(throws: TemplateError.self) { try ChatTemplate(source: doubling + "{{ \(source) }}").render([:]) }
    }

    @Test func manyPartsOfAnAttributeAreSteps() {
        let source = "{% set p = '0.' * 100000 ~ '0' %}{{ ['x'] | map(attribute=p) | list }}"
        var limits = Self.budget
        limits.steps = 90_000
        #expect(throws: TemplateError.self) { try ChatTemplate(source: source, limits: limits).render([:]) }
    }

    @Test func aNameHasABound() {
        #expect(throws: TemplateError.self) { try ChatTemplate(source: "{{ \(String(repeating: "n", count: 1001)) }}") }
        #expect(throws: Never.self) { try ChatTemplate(source: "{{ \(String(repeating: "n", count: 1000)) }}") }
    }

    @Test("large operations in a loop end with the budget", arguments: ["a[::-1]", "a[3:]", "a[::-1][3:]", "a.splitlines()", "a.strip('x')"])
    func loops(operation: String) throws {
        let source = "{% set a = 'x' * 200000 %}{% for i in range(90000) %}{% set c = \(operation) %}{% endfor %}"
        var limits = Self.budget
        limits.steps = 50_000
        do throws(TemplateError) {
            _ = try ChatTemplate(source: source, limits: limits).render([:])
            Issue.record("it was not stopped")
        } catch {
            #expect(error.message.contains("steps"), "\(error)")
        }
    }

    @Test("the usual templates write 4,000 turns within half of the steps") func longConversations() throws {
        let stored = try StoredCases()
        var context = try JSONCursor(.object(stored.document))["special"].object()
        context["add_generation_prompt"] = true
        context["messages"] = .array(
            (0..<4000).map { turn in
                ["role": turn % 2 == 0 ? "user" : "assistant", "content": .string(String(repeating: "some words ", count: 25))]
            })
        var limits = TemplateLimits()
        limits.steps /= 2
        limits.processorMilliseconds = .max
        let names = Set(try JSONCursor(.object(stored.document))["cases"].array().map { stored in try stored["template"].string() })
        #expect(names.count > 5)
        for name in names.sorted() {
            let template = try ChatTemplate(source: stored.template(name), limits: limits)
            #expect(throws: Never.self, "\(name)") { try template.render(context) }
        }
    }
}
