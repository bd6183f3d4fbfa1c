import Testing

@Suite struct LayeringTests {
    @Test func everyTargetHasAFloorAndDependsOnLowerOnesOnly() throws {
        let manifest = try Manifest.dumped()
        for target in manifest.targets where !target.isTest {
            #expect(Floors.number[target.name] != nil, "\(target.name) has no floor")
            for dependency in target.dependencies {
                #expect(Floors.allows(target.name, dependency), "\(target.name) -> \(dependency) goes up")
            }
        }
        for name in Floors.withoutModelCode {
            let below = manifest.closure(of: name).intersection(Floors.modelCode)
            #expect(below.isEmpty, "\(name) reaches model code: \(below.sorted())")
        }
    }

    @Test func noModuleBelowTheGatewaySeesTwoBackends() throws {
        let manifest = try Manifest.dumped()
        for target in manifest.targets where !target.isTest && Floors.number[target.name, default: 0] < 6 {
            let seen = manifest.closure(of: target.name).union([target.name]).intersection(Floors.backends)
            #expect(seen.count < 2, "\(target.name) sees \(seen.sorted())")
        }
        #expect(manifest.closure(of: "Gateway").isSuperset(of: ["Inference", "Embeddings"]))
    }

    @Test func everyModuleIsThereAndHasTests() throws {
        let manifest = try Manifest.dumped()
        let declared = Set(manifest.targets.map(\.name))
        for name in Floors.number.keys where !Floors.planned.contains(name) {
            #expect(declared.contains(name), "\(name) is on the map of floors, and Package.swift does not declare it")
            #expect(
                Floors.withoutTests.contains(name) || declared.contains("\(name)Tests"), "\(name) has no target \(name)Tests")
        }
        for name in Floors.planned.intersection(declared) {
            Issue.record("\(name) exists: take it off Floors.planned")
        }
        for target in manifest.targets where target.isTest {
            let module = String(target.name.dropLast("Tests".count))
            #expect(Floors.testsOfMany.contains(target.name) || declared.contains(module), "\(target.name) tests nothing declared")
        }
        // A module or a test target that nothing declares would be compiled and run by nothing.
        for (parent, folders) in try Manifest.folders() {
            for folder in folders {
                #expect(declared.contains(folder), "\(parent)/\(folder) is no target of Package.swift")
            }
        }
        for target in manifest.targets {
            #expect(try target.hasSources, "\(target.name): no source file in \(target.path)")
            if target.isTest { #expect(try target.hasTests, "\(target.name): no @Test in \(target.path)") }
        }
    }

    @Test func sourcesImportOnlyWhatTheirTargetDeclares() throws {
        let manifest = try Manifest.dumped()
        let declared = Dictionary(uniqueKeysWithValues: manifest.targets.map { ($0.name, Set($0.dependencies)) })
        let imports = try SourceImport.all(root: Manifest.root)
        #expect(imports.contains { $0.module == "Tensors" && $0.imported == "CKernels" })
        for line in imports where Floors.number[line.imported] != nil {
            #expect(Floors.allows(line.module, line.imported), "\(line): an arrow that goes up")
            #expect(declared[line.module]?.contains(line.imported) == true, "\(line): not declared in Package.swift")
            if let owner = Floors.ownerOfC[line.imported] {
                #expect(line.module == owner, "\(line): only \(owner) imports it")
                #expect(line.access == "internal", "\(line): C modules are imported with `internal import`")
            }
        }
    }

    @Test(arguments: [
        ("import Tensors", "Tensors", ""), ("public import Tensors", "Tensors", "public"),
        ("@preconcurrency internal import CUV", "CUV", "internal"), ("@_spi(Test) import JSON", "JSON", ""),
        ("import struct Models.Decoder", "Models", ""),
    ])
    func importLinesAreRead(line: String, name: String, access: String) {
        let found = SourceImport.parse(line[...])
        #expect(found?.name == name)
        #expect(found?.access == access)
        #expect(SourceImport.parse("// \(line)") == nil)
    }

    @Test func arrowsThatGoUpOrSidewaysAreRefused() {
        #expect(!Floors.allows("Tensors", "Weights"))
        #expect(!Floors.allows("Models", "Adapters"))
        #expect(!Floors.allows("Inference", "Routing"))
        #expect(!Floors.allows("Weights", "Unknown"))
        #expect(!Floors.allows("Gateway", "TestSupport"))
        #expect(Floors.allows("Adapters", "Models"))
        #expect(Floors.allows("Serving", "Routing") && !Floors.allows("Routing", "Serving"))
        #expect(!Floors.allows("Serving", "Inference") && !Floors.allows("Serving", "OpenAIAPI"))
    }
}
