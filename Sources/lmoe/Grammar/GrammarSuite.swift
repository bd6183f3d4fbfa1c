import ArgumentParser
import Foundation
import Grammars
import JSON

/// `lmoe grammar suite`: published tests of JSON Schema.
struct GrammarSuite: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "suite",
        abstract: "Run folders of JSON Schema tests: which schemas compile, and whether instances are told right.",
        discussion: """
            EXAMPLES
              lmoe grammar suite JSON-Schema-Test-Suite/tests/draft2020-12
              lmoe grammar suite maskbench/data --served --failures

            A file is a list of groups with a schema and tests (JSON-Schema-Test-Suite), one such group (MaskBench), or a \
            schema alone. Schemas are read as the specification does, or with --served as a request's. An instance is tried \
            as compact JSON, with whole numbers written without a fraction. A schema with a note is counted apart: it \
            compiles, but something in it is not enforced. Exit status 3: some instance was told wrong.
            """)

    @Argument(help: ArgumentHelp("Folders or files.", valueName: "path")) var paths: [String]
    @Flag(help: "Read schemas as a request's are read: members in the declared order, no undeclared ones.")
    var served = Variables.flag("served")
    @Flag(help: "Print each instance that was told wrong, and each schema that was refused.") var failures = Variables.flag("failures")
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")

    func run() throws {
        var total = SuiteCount()
        var rows: [(name: String, count: SuiteCount)] = []
        for path in paths {
            for file in try Self.files(path) {
                var count = SuiteCount()
                try read(file, into: &count)
                rows.append((file.lastPathComponent, count))
                total.add(count)
            }
        }
        rows.append(("all", total))
        if json {
            print(JSONValue.object(JSONObject(rows.map { ($0.name, $0.count.json) })).serialized(pretty: true))
        } else {
            var table = Table(SuiteCount.columns, leansRight: Set(1..<SuiteCount.columns.count))
            for row in rows.count > 80 ? Array(rows.suffix(1)) : rows { table.add(row.count.cells(row.name)) }
            print(table.text)
        }
        if total.wrong > 0 { throw ExitCode(3) }
    }

    private static func files(_ path: String) throws -> [URL] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { throw Failure(message: "\(path) is not there") }
        guard isFolder.boolValue else { return [URL(fileURLWithPath: path)] }
        let names = try FileManager.default.contentsOfDirectory(atPath: path)
        return names.filter { $0.hasSuffix(".json") }.sorted().map { URL(fileURLWithPath: path).appendingPathComponent($0) }
    }

    private func read(_ file: URL, into count: inout SuiteCount) throws {
        let document: JSONValue
        do {
            document = try JSONValue.parse([UInt8](Data(contentsOf: file)))
        } catch {
            count.unreadable += 1
            if failures { print("\(file.lastPathComponent): not read: \(error)") }
            return
        }
        let groups = document.arrayValue ?? [document]
        for group in groups { run(group, file.lastPathComponent, &count) }
    }

    private func run(_ group: JSONValue, _ file: String, _ count: inout SuiteCount) {
        let isAlone = group["tests"]?.arrayValue == nil || group["schema"] == nil
        let schema = isAlone ? group : group["schema"] ?? group
        let about = "\(file): \(group["description"]?.stringValue ?? "the schema")"
        count.schemas += 1
        let grammar: Grammar
        do throws(GrammarError) {
            var builder = GrammarBuilder()
            let start = ContinuousClock.now
            let root = try builder.schema(schema, options: served ? SchemaOptions() : .specification)
            grammar = try builder.grammar(root)
            count.milliseconds.append((ContinuousClock.now - start) / .milliseconds(1))
        } catch {
            // Where nothing is valid, refusing the schema is right.
            let tests = isAlone ? [] : group["tests"]?.arrayValue ?? []
            let isEmpty = error.code == .invalid && error.pointer == nil && !tests.isEmpty && tests.allSatisfy { $0["valid"] == false }
            if isEmpty { count.empty += 1 } else { count.refused += 1 }
            if failures, !isEmpty { print("\(about): \(error.code.rawValue): \(error)") }
            return
        }
        if !grammar.notes.isEmpty {
            count.noted += 1
            if failures { print("\(about): \(grammar.notes.joined(separator: "; "))") }
        }
        guard !isAlone else { return }
        for test in group["tests"]?.arrayValue ?? [] {
            guard let data = test["data"], let valid = test["valid"]?.boolValue else { continue }
            let isAccepted = grammar.matches(data.withWholeNumbers.serialized())
            let isWrong = isAccepted != valid
            if !grammar.notes.isEmpty {
                count.notedTests += 1
                if isWrong { count.notedWrong += 1 }
                continue
            }
            count.tests += 1
            if isWrong {
                if valid { count.refusedWrongly += 1 } else { count.acceptedWrongly += 1 }
                if failures { print("\(about): \(test["description"]?.stringValue ?? ""): \(valid ? "refused" : "accepted") \(data.serialized().prefix(200))") }
            }
        }
    }
}

/// What a suite gave.
struct SuiteCount {
    var schemas = 0
    var unreadable = 0
    var refused = 0
    /// Refused, and rightly: no instance is valid.
    var empty = 0
    /// Compiled, with something that is not enforced.
    var noted = 0
    var tests = 0
    var acceptedWrongly = 0
    var refusedWrongly = 0
    var notedTests = 0
    var notedWrong = 0
    var milliseconds: [Double] = []

    var wrong: Int { acceptedWrongly + refusedWrongly }

    mutating func add(_ other: SuiteCount) {
        schemas += other.schemas
        unreadable += other.unreadable
        refused += other.refused
        empty += other.empty
        noted += other.noted
        tests += other.tests
        acceptedWrongly += other.acceptedWrongly
        refusedWrongly += other.refusedWrongly
        notedTests += other.notedTests
        notedWrong += other.notedWrong
        milliseconds += other.milliseconds
    }

    static let columns = ["file", "schemas", "refused", "noted", "instances", "accepted wrongly", "refused wrongly", "right", "compile ms"]

    func cells(_ name: String) -> [String] {
        let right = tests == 0 ? "-" : Figure.decimals(Double(tests - wrong) / Double(tests) * 100, 2) + " %"
        let times = Samples(milliseconds)
        return [
            name, "\(schemas)", "\(refused)", "\(noted)", "\(tests)", "\(acceptedWrongly)", "\(refusedWrongly)", right,
            milliseconds.isEmpty ? "-" : "\(Figure.decimals(times.median, 2)) / \(Figure.decimals(times.greatest, 1))",
        ]
    }

    var json: JSONValue {
        func count(_ value: Int) -> JSONValue { .integer(Int64(value)) }
        return [
            "schemas": count(schemas), "unreadable": count(unreadable), "refused": count(refused), "empty": count(empty), "noted": count(noted),
            "instances": count(tests), "accepted_wrongly": count(acceptedWrongly), "refused_wrongly": count(refusedWrongly),
            "noted_instances": count(notedTests), "noted_wrong": count(notedWrong),
            "compile_ms": ["median": .number(Samples(milliseconds).median), "greatest": .number(Samples(milliseconds).greatest)],
        ]
    }
}

extension JSONValue {
    /// `1.0` is `1`: equal numbers have one text. The recursion is as deep as the document, which the parser limits.
    fileprivate var withWholeNumbers: JSONValue {
        switch self {
        case .number(let number) where number == number.rounded() && abs(number) < 9e18: .integer(Int64(number))
        case .array(let elements): .array(elements.map(\.withWholeNumbers))
        case .object(let members): .object(JSONObject(members.map { ($0.key, $0.value.withWholeNumbers) }))
        default: self
        }
    }
}
