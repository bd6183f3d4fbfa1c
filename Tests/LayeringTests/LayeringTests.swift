import Testing

@Suite struct LayeringTests {
    @Test func everyTargetHasAFloorAndDependsOnLowerOnesOnly() throws {
        let manifest = try Manifest.dumped()
        #expect(manifest.targets.contains { $0.name == "Tensors" })
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
        for target in manifest.targets where !target.isTest && Floors.number[target.name, default: 0] < 6 {
            let below = manifest.closure(of: target.name).union([target.name])
            #expect(!below.isSuperset(of: ["Upstreams", "Inference"]), "\(target.name): upstreams and inference meet")
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
        #expect(Floors.allows("Adapters", "Models"))
    }
}
