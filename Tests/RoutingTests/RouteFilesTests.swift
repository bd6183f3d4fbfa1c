import Foundation
import TestSupport
import Testing

@testable import Routing

@Suite struct RouteFilesTests {
    @Test func aRouteFileBesideTheWeightsIsComplete() throws {
        let folder = try TemporaryFolder()
        try folder.write(
            "description: Shell commands\nexamples: [list files, show disks]\nexamples_file: more.jsonl\nthreshold: 0.7\npriority: 2\n",
            to: "bash/route.yaml")
        try folder.write("{\"instruction\": \"find logs\"}\n\n\"count lines\"\n", to: "bash/more.jsonl")
        let route = try RouteFiles(routesFolder: nil).definition(adapter: "bash", folder: "\(folder.path)/bash")
        #expect(route.examples == ["list files", "show disks", "find logs", "count lines"])
        #expect(route.description == "Shell commands")
        #expect(route.threshold == 0.7)
        #expect(route.priority == 2)
        #expect(route.isEnabled)
    }

    @Test func anOverrideReplacesKeyByKey() throws {
        let folder = try TemporaryFolder()
        try folder.write("description: a\nexamples: [one]\nthreshold: 0.7\n", to: "adapters/x/route.yaml")
        try folder.write("threshold: 0.2\nenabled: false\n", to: "routes/x.yaml")
        let files = RouteFiles(routesFolder: "\(folder.path)/routes")
        let route = try files.definition(adapter: "x", folder: "\(folder.path)/adapters/x")
        #expect(route.examples == ["one"])
        #expect(route.threshold == 0.2)
        #expect(!route.isEnabled)
        #expect(route.source == "route.yaml + routes/x.yaml")
    }

    @Test func anOverrideCanNameItsAdapter() throws {
        let folder = try TemporaryFolder()
        try folder.write("adapter: x\nexamples: [two]\n", to: "routes/policy.yaml")
        try folder.write("", to: "adapters/x/empty")
        let files = RouteFiles(routesFolder: "\(folder.path)/routes")
        #expect(try files.definition(adapter: "x", folder: "\(folder.path)/adapters/x").examples == ["two"])
        #expect(try files.definition(adapter: "y", folder: "\(folder.path)/adapters/x").examples == [])
    }

    @Test func airoborosFilesAndTheModelCardAreRead() throws {
        let folder = try TemporaryFolder()
        try folder.write("{\"instruction\": \"solve this\"}\n", to: "m/expert_math.jsonl")
        try folder.write("---\ntags: [lora]\n---\n# math\n\nWord problems,\nstep by step.\n\nMore.", to: "m/README.md")
        let route = try RouteFiles(routesFolder: nil).definition(adapter: "m", folder: "\(folder.path)/m")
        #expect(route.examples == ["solve this"])
        #expect(route.description == "Word problems, step by step.")
    }

    @Test(arguments: [
        ("examples: 3", "must be a list"), ("threshold: 2", "from 0 to 1"), ("exmaples: []", "unknown key `exmaples`"),
        ("- a", "expected a mapping"), ("a: [", "not YAML"), ("examples_file: ../../etc/passwd", "inside its folder"),
        ("examples_file: none.jsonl", "not there"), ("priority: high", "whole number"),
    ])
    func badRouteFilesNameThePlace(yaml: String, message: String) throws {
        let folder = try TemporaryFolder()
        try folder.write(yaml, to: "x/route.yaml")
        let error = #expect(throws: RoutingError.self) {
            try RouteFiles(routesFolder: nil).definition(adapter: "x", folder: "\(folder.path)/x")
        }
        #expect(error?.description.contains(message) == true, "\(String(describing: error))")
        #expect(error?.place?.contains("route.yaml") == true)
    }

    @Test func aBadExampleLineNamesItsNumber() throws {
        let folder = try TemporaryFolder()
        try folder.write("{\"instruction\": \"fine\"}\n{\"prompt\": 1}\n", to: "x/expert_x.jsonl")
        let error = #expect(throws: RoutingError.self) {
            try RouteFiles(routesFolder: nil).definition(adapter: "x", folder: "\(folder.path)/x")
        }
        #expect(error?.place?.hasSuffix("expert_x.jsonl:2") == true)
    }

    @Test func filesBeyondTheLimitAreRefused() throws {
        let folder = try TemporaryFolder()
        var limits = RoutingLimits()
        limits.fileBytes = 20
        limits.examplesPerAdapter = 2
        try folder.write("examples: [a, b]\n", to: "edge/route.yaml")
        try folder.write("examples: [a, b, c]\n", to: "many/route.yaml")
        try folder.write("examples: [a, bbbbbbbb]\n", to: "large/route.yaml")
        let files = RouteFiles(routesFolder: nil, limits: limits)
        #expect(try files.definition(adapter: "e", folder: "\(folder.path)/edge").examples.count == 2)
        for name in ["many", "large"] {
            let error = #expect(throws: RoutingError.self) {
                try files.definition(adapter: name, folder: "\(folder.path)/\(name)")
            }
            #expect(error?.code == .limitExceeded)
        }
    }

    @Test func anOperatorsOverrideMayPointOutsideItsFolder() throws {
        let folder = try TemporaryFolder()
        try folder.write("{\"instruction\": \"add\"}\n", to: "adapters/math/examples.jsonl")
        try folder.write("{\"instruction\": \"elsewhere\"}\n", to: "far/more.jsonl")
        try folder.write("examples_file: examples.jsonl\n", to: "adapters/math/route.yaml")
        try folder.write(
            "examples_file: ../adapters/math/examples.jsonl\nexamples: [subtract]\n", to: "routes/math.yaml")
        try folder.write("examples_file: \(folder.path)/far/more.jsonl\n", to: "routes/far.yaml")
        let files = RouteFiles(routesFolder: "\(folder.path)/routes")
        let math = try files.definition(adapter: "math", folder: "\(folder.path)/adapters/math")
        #expect(math.examples == ["subtract", "add"])
        #expect(math.source == "route.yaml + routes/math.yaml")
        try folder.makeFolder("adapters/far")
        let far = try files.definition(adapter: "far", folder: "\(folder.path)/adapters/far")
        #expect(far.examples == ["elsewhere"])
    }

    @Test(arguments: ["route.yaml", "examples.jsonl", "README.md", "description.txt", "expert_x.jsonl"])
    func linksOutOfAnAdaptersFolderAreRefused(name: String) throws {
        let folder = try TemporaryFolder()
        try folder.write("{\"instruction\": \"secret\"}\n", to: "outside")
        try folder.write("", to: "adapters/x/empty")
        if name == "examples.jsonl" { try folder.write("examples_file: examples.jsonl\n", to: "adapters/x/route.yaml") }
        try FileManager.default.createSymbolicLink(
            atPath: "\(folder.path)/adapters/x/\(name)", withDestinationPath: "../../outside")
        let error = #expect(throws: RoutingError.self) {
            try RouteFiles(routesFolder: nil).definition(adapter: "x", folder: "\(folder.path)/adapters/x")
        }
        #expect(error?.code == .unreadableFile)
        #expect(error?.description.contains("a link that leaves the folder") == true)
    }

    @Test func linksInsideAnAdaptersFolderAndToTheFolderItselfAreFollowed() throws {
        let folder = try TemporaryFolder()
        try folder.write("{\"instruction\": \"fine\"}\n", to: "store/x/data/lines")
        let files = FileManager.default
        try files.createSymbolicLink(atPath: "\(folder.path)/store/x/expert_x.jsonl", withDestinationPath: "data/lines")
        try files.createSymbolicLink(atPath: "\(folder.path)/x", withDestinationPath: "store/x")
        let route = try RouteFiles(routesFolder: nil).definition(adapter: "x", folder: "\(folder.path)/x")
        #expect(route.examples == ["fine"])
    }

    @Test func overridesAreReadOnceForAllAdapters() throws {
        let folder = try TemporaryFolder()
        for name in ["a", "b", "c", "d"] { try folder.write("examples: [own]\n", to: "adapters/\(name)/route.yaml") }
        try folder.write("adapter: b\nexamples: [first]\n", to: "routes/1.yaml")
        try folder.write("examples: [second]\n", to: "routes/b.yaml")
        try folder.write("examples: 3\n", to: "routes/a.yaml")
        try folder.write("\"line\"\n", to: "routes/c.jsonl")
        let files = RouteFiles(routesFolder: "\(folder.path)/routes")
        let overrides = files.overrides()
        // What comes after is not seen: the folder was read.
        try folder.write("examples: [late]\n", to: "routes/d.yaml")
        func definition(_ name: String) throws -> RouteDefinition {
            let reading = files.read(adapter: name, folder: "\(folder.path)/adapters/\(name)", overrides: overrides)
            if let problem = reading.problem { throw problem }
            return try #require(reading.definition)
        }
        #expect(try definition("b").examples == ["first"])
        #expect(try definition("c").examples == ["line"])
        #expect(try definition("c").source == "route.yaml + routes/c.jsonl")
        #expect(try definition("d").examples == ["own"])
        let error = #expect(throws: RoutingError.self) { try definition("a") }
        #expect(error?.place?.contains("a.yaml") == true)
    }

    @Test func aBrokenOverrideIsTheProblemOfTheAdaptersItMayBeAbout() throws {
        let folder = try TemporaryFolder()
        for name in ["one", "two", "three"] { try folder.write("examples: [own]\n", to: "adapters/\(name)/route.yaml") }
        try folder.write("adapter: two\nexamples: [\n", to: "routes/policy.yaml")
        try folder.write("adapter: two\n", to: "routes/zzz.yaml")
        let files = RouteFiles(routesFolder: "\(folder.path)/routes")
        #expect(throws: RoutingError.self) { try files.definition(adapter: "two", folder: "\(folder.path)/adapters/two") }
        #expect(try files.definition(adapter: "one", folder: "\(folder.path)/adapters/one").examples == ["own"])
    }

    @Test func aModelCardAloneIsNamedAsTheSource() throws {
        let folder = try TemporaryFolder()
        try folder.write("# x\n\nTranslates old verses.\n", to: "x/README.md")
        let route = try RouteFiles(routesFolder: nil).definition(adapter: "x", folder: "\(folder.path)/x")
        #expect(route.source == "README.md")
        #expect(route.indexedTexts == ["Translates old verses."])
    }
}
