import ChatTemplates
import JSON
import Testing

/// Templates come from strangers: none may crash the process, and each ends.
@Suite struct LimitTests {
    private func code(_ source: String, _ limits: TemplateLimits = TemplateLimits(), _ context: JSONObject = [:])
        -> TemplateError.Code?
    {
        do throws(TemplateError) {
            _ = try ChatTemplate(source: source, limits: limits).render(context)
            return nil
        } catch {
            return error.code
        }
    }

    @Test(arguments: [
        "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}",
        "{% set n = namespace(x='ab') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
        "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
        "{% set n = namespace(x=[1]) %}{% for i in range(9999) %}{% set n.x = [n.x] %}{% endfor %}",
        "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x | tojson }}",
        "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}",
        "{% set n = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% set n.y = [n.y, n.y] %}{% endfor %}{{ n.x == n.y }}",
        "{{ 'x' * 9999999999 }}", "{{ [1] * 9999999999 }}", "{{ ['x' * 9000000, 'y'] | join('z' * 9000000) }}",
        "{{ 'x' | center(999999999999) }}", "{{ 'x'.ljust(9223372036854775807) }}",
        "{{ 'ab' | indent(999999999999, true) }}",
        "{{ ('a' * 100000).replace('a', 'b' * 100000) }}", "{{ ('a' * 100000).replace('', 'b' * 100000) }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{{ '%9999999d' % 1 }}", "{{ range(0, 9223372036854775807) }}",
        "{% set n = namespace() %}{% set n.n = n %}{{ n }}", "{{ '{:>99999999}'.format(1) }}",
        "{{ [1] | tojson(indent=999999999) }}",
        "{% set n = namespace(x='a') %}{% for i in range(99999) %}{% set n.x = n.x.replace('', 'b') %}{% endfor %}",
        "{{ strftime_now('%Y' * 1000) }}",
        "{% set n = namespace(l=[]) %}{% for i in range(99999) %}{% set n.l = n.l + [i] %}{% endfor %}",
        "{{ [1, 2] | batch(9999999999, 0) | list }}",
        // Loops whose steps are few and dear.
        "{% set s = 'a' * 9000000 %}{% for i in range(99999) %}{{ 'b' in s }}{% endfor %}",
        "{% set s = 'a' * 9000000 %}{% set t = s ~ '' %}{% for i in range(99999) %}{{ s == t }}{{ s < t }}{% endfor %}",
        "{% set s = 'a' * 9000000 %}{% for i in range(99999) %}{{ s | length }}{{ s is lower }}{{ {'b': 1}[s] }}{% endfor %}",
        "{% set s = 'a b ' * 2000000 %}{% for i in range(99999) %}{{ s | wordcount }}{{ s[5] }}{% endfor %}",
        "{% set n = [1] * 1000000 %}{% for i in range(99999) %}{% set x = n | sum %}{{ n | max }}{% endfor %}",
    ])
    func aGreedyTemplateIsStopped(source: String) {
        #expect(code(source) == .limitExceeded)
    }

    @Test("searching is linear, whatever text and pattern hold", arguments: [
        "{{ ('a' * 2000000).find('a' * 1000000 ~ 'b') }}", "{{ ('a' * 2000000).rfind('b' ~ 'a' * 1000000) }}",
        "{{ ('a' * 2000000).count('a' * 999999 ~ 'b') }}", "{{ ('a' * 1000000 ~ 'b') in ('a' * 2000000) }}",
        "{{ ('a' * 2000000).split('a' * 1000000 ~ 'b') | length }}",
        "{% for i in range(30000) if i > -1 %}{% if loop.first %}{{ loop.length }}{% endif %}{% endfor %}",
        "{{ messages[0].nothing[('e' ~ '\\u0301' * 100000)] is defined }}{{ 'x'['e' ~ '\\u0301' * 100000] is defined }}",
    ])
    func linear(source: String) {
        var limits = TemplateLimits()
        // The right bound is steps; this one only stops a test that would run for minutes.
        limits.processorMilliseconds = 60_000
        let found = code(source, limits, ["messages": [["nothing": [:]]]])
        #expect(found == nil)
    }

    @Test func aRenderingHasItsTimeOnTheProcessor() {
        var limits = TemplateLimits()
        limits.steps = .max
        limits.createdBytes = .max
        limits.processorMilliseconds = 20
        let loop = "{% for a in range(9999) %}{% for b in range(9999) %}{% set x = a * b %}{% endfor %}{% endfor %}"
        #expect(code(loop, limits) == .limitExceeded)
    }

    @Test func aByteOrderMarkIsNoPartOfThePrompt() throws {
        #expect(try ChatTemplate(source: "\u{FEFF}{{ a }}b").render(["a": "x"]) == "xb")
    }

    @Test(arguments: [
        "{{ 9223372036854775807 + 1 }}", "{{ -9223372036854775807 - 2 }}", "{{ 9223372036854775807 * 2 }}", "{{ 2 ** 64 }}",
        "{{ (-9223372036854775807 - 1) // -1 }}", "{{ -(-9223372036854775807 - 1) }}", "{{ 1e300 | int }}", "{{ 1 % 0 }}",
        "{{ (-9223372036854775807 - 1) | abs }}", "{{ 10.0 ** 400 }}", "{{ 1.5 | round(9999) }}",
    ])
    func arithmeticBeyondItsRangeIsAnError(source: String) {
        #expect(code(source) == .value)
    }

    @Test(arguments: [
        "{{ (-9223372036854775807 - 1) % -1 }}", "{{ 'abc'[9223372036854775807] }}",
        "{{ 'abc'[-9223372036854775807:9223372036854775807:9223372036854775807] }}",
        "{{ [1,2][::-9223372036854775807] }}", "{{ 'x'.split('x', -9223372036854775807) }}",
        "{{ 'abc'.find('c', -9223372036854775807) }}",
        "{{ 'abc'.startswith('a', 9223372036854775807) }}", "{{ range(9223372036854775807, 0) }}", "{{ '%c' % 65 }}",
    ])
    func extremeIndicesAreHarmless(source: String) {
        #expect(code(source) == nil)
    }

    @Test func deepSourcesAreRefusedWithoutDeepRecursion() {
        let count = 100_000
        for (open, close) in [
            ("(", ")"), ("[", "]"), ("not ", ""), ("-", ""), ("{'a':", "}"), ("x[", "]"), ("f(", ")"), ("1 if 1 else ", ""),
        ] {
            let source = "{{ " + String(repeating: open, count: count) + "1" + String(repeating: close, count: count) + " }}"
            var limits = TemplateLimits()
            limits.sourceBytes = 4 << 20
            #expect(code(source, limits) == .limitExceeded, "\(open)")
        }
        for chain in [" + 1", "|string", ".a", " or 0", " and 1", "[0]", "()", " is defined"] {
            let source = "{{ x" + String(repeating: chain, count: count) + " }}"
            var limits = TemplateLimits()
            limits.sourceBytes = 4 << 20
            #expect([.limitExceeded, .syntax].contains(code(source, limits)), "\(chain)")
        }
        let nested = String(repeating: "{% if 1 %}", count: 20_000)
        #expect(code(nested) == .limitExceeded)
        let targets =
            "{% set " + String(repeating: "(", count: 20_000) + "a" + String(repeating: ")", count: 20_000) + " = 1 %}"
        #expect(code(targets) == .limitExceeded)
    }

    @Test func eachLimitHoldsAtItsEdge() throws {
        var limits = TemplateLimits()
        limits.outputBytes = 10
        #expect(code("{{ 'é' * 5 }}", limits) == nil)
        #expect(code("{{ 'é' * 5 }}x", limits) == .limitExceeded)
        #expect(code("0123456789", limits) == nil)
        limits = TemplateLimits()
        limits.sourceBytes = 8
        #expect(code("12345678", limits) == nil)
        #expect(code("123456789", limits) == .limitExceeded)
        limits = TemplateLimits()
        limits.rangeLength = 3
        #expect(code("{{ range(3) }}", limits) == nil)
        #expect(code("{{ range(4) }}", limits) == .limitExceeded)
    }

    @Test func deepMessagesAreRefused() {
        var value: JSONValue = "x"
        for _ in 0..<5000 { value = [value] }
        #expect(code("{{ messages }}", TemplateLimits(), ["messages": value]) == .limitExceeded)
    }

    @Test func thousandsOfTurnsFit() throws {
        let messages = JSONValue.array((0..<4000).map { ["role": "user", "content": .string("turn \($0)")] })
        let template = try ChatTemplate(
            source:
                "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] | trim }}{% if not loop.last %}\n{% endif %}{% endfor %}"
        )
        #expect(try template.render(["messages": messages]).utf8.count > 60_000)
    }
}
