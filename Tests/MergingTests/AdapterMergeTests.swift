import Adapters
import Foundation
import JSON
import MergeMethods
import Models
import Tensors
import TestSupport
import Testing
import Weights

@testable import Merging

@Suite("Several LoRAs as one")
struct AdapterMergeTests {
    static let folder = Checkout.fixture("merges")

    static func base() throws -> BaseWeights {
        BaseWeights(try ModelFiles.open("\(Checkout.path)/Tests/ModelsTests/Fixtures/tiny/llama"))
    }

    static func parts(_ weights: [(String, Double)]) -> [LoRAMerge.Part] {
        weights.map { LoRAMerge.Part(name: $0.0, folder: "\(folder)/\($0.0)", weight: $0.1) }
    }

    /// The change of a module; empty where it has none.
    static func change(_ merged: MergedLoRA, _ path: String = "model.layers.0.self_attn.q_proj") -> [Float] {
        merged.modules.first { $0.path == path }?.pair.product() ?? []
    }

    static func difference(_ one: [Float], _ other: [Float]) -> Float {
        one.count == other.count ? zip(one, other).reduce(0) { max($0, abs($1.0 - $1.1)) } : .infinity
    }

    // MARK: peft

    struct Case: Sendable, CustomTestStringConvertible {
        var number: Int
        var text: String
        var testDescription: String { text }

        static let all: [Case] = {
            let document = (try? JSONValue.parse(Array(FileManager.default.contents(atPath: "\(folder)/merges.json") ?? Data()))) ?? .null
            return (document.arrayValue ?? []).enumerated().map { Case(number: $0, text: $1.serialized()) }
        }()
    }

    @Test("Every combination type gives what peft's add_weighted_adapter gives", arguments: Case.all)
    func peft(fixture: Case) throws {
        let document = JSONCursor(try JSONValue.parse(fixture.text))
        let names = try document["adapters"].array().map { try $0.string() }
        let weights = try document["weights"].array().map { try $0.double() }
        let method = try #require(LoRAMergeMethod(rawValue: try document["combination_type"].string()))
        let rank = try document["svd_rank"].optionalDouble().map { LoRASize.rank(Int($0)) }
        let sign: LoRAMerge.MajoritySign = try document["majority_sign_method"].optionalString() == "frequency" ? .frequency : .total
        let merge = LoRAMerge(
            Self.parts(Array(zip(names, weights))), method: method, rules: .peft, size: rank,
            density: try document["density"].optionalDouble(), majoritySign: sign)
        let merged = try merge.result(for: Self.base())
        let expected = try SafetensorsFile.open("\(Self.folder)/merges.safetensors")
        let modules = expected.tensors.keys.filter { $0.hasPrefix("\(fixture.number)/") && $0.hasSuffix("/A") }
            .map { String($0.split(separator: "/")[1]) }
        #expect(Set(modules) == Set(merged.modules.map(\.path)))
        for module in merged.modules {
            let a = try expected.tensor("\(fixture.number)/\(module.path)/A"), b = try expected.tensor("\(fixture.number)/\(module.path)/B")
            let rows = b.floats()
            let transposed = (0..<b.columns).flatMap { column in (0..<b.rows).map { rows[$0 * b.columns + column] } }
            let pair = LowRankPair(rank: a.rows, inputs: a.columns, outputs: b.rows, a: a.floats(), b: transposed)
            if !method.isOfChanges, method != .cat {
                #expect(Self.difference(module.pair.a, pair.a) < 1e-6 && Self.difference(module.pair.b, pair.b) < 1e-6, "\(module.path)")
            }
            #expect(Self.difference(module.pair.product(), pair.product()) < (method.isOfChanges ? 1e-5 : 1e-6), "\(module.path)")
        }
    }

    @Test("The fixtures have every combination type of peft")
    func everyType() {
        let found = Set(Case.all.compactMap { try? JSONValue.parse($0.text)["combination_type"]?.stringValue })
        #expect(found == Set(LoRAMergeRules.peft.methods.map(\.rawValue)) && Case.all.count == 40)
    }

    // MARK: rules by hand

    @Test("One adapter at the weight 0.5 is a half, the whole or a quarter, by the rules")
    func half() throws {
        let base = try Self.base()
        func change(_ method: LoRAMergeMethod, _ rules: LoRAMergeRules, weight: Double = 0.5, density: Double? = nil) throws -> [Float] {
            Self.change(try LoRAMerge(Self.parts([("one", weight)]), method: method, rules: rules, density: density).result(for: base))
        }
        let whole = try change(.cat, .delta, weight: 1)
        for (factor, found) in [
            (0.5, try change(.cat, .delta)), (0.5, try change(.svd, .delta)), (0.5, try change(.cat, .peft)), (0.5, try change(.linear, .peft)),
            (0.25, try change(.linear, .lorax)), (1, try change(.ties, .mergekit, density: 1)), (0.5, try change(.taskArithmetic, .mergekit)),
            (0.5, try change(.ties, .delta, density: 1)), (-0.5, try change(.linear, .peft, weight: -0.5)),
            (-0.5, try change(.cat, .delta, weight: -0.5)),
        ] as [(Float, [Float])] {
            #expect(Self.difference(found, whole.map { $0 * factor }) < 1e-5)
        }
    }

    @Test("mergekit and peft elect opposite signs where the weights decide")
    func votes() {
        func steps(_ rules: LoRAMergeRules, _ method: LoRAMergeMethod = .ties, density: Double = 1) -> FactorMerge? {
            if case .changes(let merge) = LoRAMergeSteps(method, rules, density: density, majoritySign: .total, seed: 0) { merge } else { nil }
        }
        let factors: [(values: [Float], weight: Float)] = [([3], 0.2), ([-1], 1)]
        #expect(steps(.mergekit)?.merge(factors) == [-1])
        for rules in [LoRAMergeRules.paper, .delta] { #expect(abs((steps(rules)?.merge(factors)[0] ?? 0) - 0.6) < 1e-6) }
        for rules in [LoRAMergeRules.mergekit, .paper, .delta] { #expect(steps(rules)?.merge([([1], 1), ([-1], 1)]) == [1], "a tie is positive") }
        #expect(steps(.delta, density: 0.5)?.merge([([4, -3, 2, 1], 1)]) == [4, -3, 0, 0])
    }

    @Test("Random elements that stay get the magnitude of all, or the inverse of the density, or nothing")
    func rescaling() throws {
        let values: [Float] = [4, -3, 2, 1]
        func merged(_ rescale: FactorMerge.Rescale, _ seed: UInt64) -> [Float] {
            FactorMerge(keep: .random(rescale), vote: .none, divisor: .one, density: 0.5, seed: seed).merge([(values, 1)])
        }
        let seed = try #require((0..<1000).first { merged(.none, $0) == [4, 0, 0, 1] })
        #expect(merged(.byMagnitude, seed) == [8, 0, 0, 2] && merged(.byDensity, seed) == [8, 0, 0, 2])
        let other = try #require((0..<1000).first { merged(.none, $0) == [0, -3, 2, 0] })
        #expect(merged(.byMagnitude, other) == [0, -6, 4, 0] && merged(.byDensity, other) == [0, -6, 4, 0])
        let lone = try #require((0..<1000).first { merged(.none, $0) == [0, 0, 2, 0] })
        #expect(merged(.byMagnitude, lone) == [0, 0, 10, 0] && merged(.byDensity, lone) == [0, 0, 4, 0])
    }

    @Test("A random merge is the same again, and another with another seed")
    func seeded() throws {
        let base = try Self.base()
        func merged(_ seed: UInt64) throws -> [Float] {
            let merge = LoRAMerge(
                Self.parts([("one", 1), ("three", 1)]), method: .dareTies, size: .rank(40), density: 0.5, seed: seed)
            return Self.change(try merge.result(for: base))
        }
        let once = try merged(3)
        let (again, other) = (try merged(3), try merged(4))
        #expect(once == again && once != other)
    }

    // MARK: sizes and errors

    @Test("A sum in fewer ranks says how much is lost, and loses nothing at the rank of the sum")
    func errors() throws {
        let base = try Self.base()
        let parts = Self.parts([("one", 0.7), ("wide", -0.4), ("three", 1.5)])
        let exact = try LoRAMerge(parts).result(for: base)
        #expect(exact.error == 0 && exact.modules[0].rank == 14)
        var last = Double.infinity
        for rank in [1, 3, 6, 10, 14, 20] {
            let merged = try LoRAMerge(parts, method: .svd, size: .rank(rank)).result(for: base)
            let error = try #require(merged.error)
            let measured = zip(exact.modules, merged.modules).reduce(0.0) { sum, pair in
                zip(pair.0.pair.product(), pair.1.pair.product()).reduce(sum) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
            }.squareRoot()
            #expect(abs(error - measured) < 1e-5 && error <= last)
            #expect(abs(merged.norm - exact.norm) < 1e-6)
            last = error
        }
        #expect(last < 1e-5)
    }

    @Test("A share of the energy takes the least rank that keeps it", arguments: [0.5, 0.9, 0.99])
    func energy(share: Double) throws {
        let base = try Self.base()
        let parts = Self.parts([("one", 1), ("wide", 1), ("three", 1)])
        let merged = try LoRAMerge(parts, method: .svd, size: .energy(share)).result(for: base)
        for module in merged.modules {
            let kept = 1 - pow((module.error ?? 0) / module.norm, 2)
            #expect(kept >= share - 1e-9)
            let less = try LoRAMerge(parts, method: .svd, size: .rank(max(module.rank - 1, 1))).result(for: base)
            let other = try #require(less.modules.first { $0.path == module.path })
            #expect(module.rank == 1 || 1 - pow((other.error ?? 0) / other.norm, 2) < share)
        }
    }

    @Test("A and B merged by themselves say how far they are from the sum")
    func cross() throws {
        let base = try Self.base()
        let merged = try LoRAMerge(Self.parts([("one", 1), ("three", 1)]), method: .linear, rules: .peft).result(for: base)
        #expect((merged.error ?? 0) > 0.5 * merged.norm)
        let alone = try LoRAMerge(Self.parts([("one", 1)]), method: .linear, rules: .peft).result(for: base)
        #expect((alone.error ?? 1) < 1e-6 * alone.norm)
        #expect(try LoRAMerge(Self.parts([("one", 1), ("three", 1)]), method: .ties, rules: .peft, density: 0.5).result(for: base).error == nil)
    }

    @Test("A whole matrix in few ranks is as near as the best, by random vectors too", arguments: [LoRASize.rank(12), .energy(0.9)])
    func random(size: LoRASize) throws {
        let (outputs, inputs) = (300, 410)
        var state: UInt64 = 9
        func next() -> Float {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(state >> 40) / Float(1 << 24) - 0.5
        }
        // 20 directions of falling size, and noise.
        let strong = LowRankPair(
            rank: 20, inputs: inputs, outputs: outputs, a: (0..<20 * inputs).map { next() * pow(0.8, Float($0 / inputs)) },
            b: (0..<20 * outputs).map { _ in next() })
        let matrix = strong.product().map { $0 + 0.01 * next() }
        let best = try SingularValues(matrix.map { Double($0) }, rows: outputs, columns: inputs).values
        let square = best.reduce(0) { $0 + $1 * $1 }
        let fitted = try DenseFit(size: size, seed: 1).fit(matrix, outputs: outputs, inputs: inputs, module: "m")
        let optimum = best.dropFirst(fitted.pair.rank).reduce(0) { $0 + $1 * $1 }.squareRoot()
        let product = fitted.pair.product()
        let measured = zip(matrix, product).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }.squareRoot()
        #expect(measured < optimum * 1.01 && abs(measured - fitted.error) < 1e-3 * fitted.norm)
        if case .energy(let share) = size {
            #expect(fitted.error * fitted.error <= (1 - share) * square * 1.0001)
            #expect(best.prefix(fitted.pair.rank - 1).reduce(0) { $0 + $1 * $1 } < share * square)
        }
    }

    @Test("A lone LoRA file of llama.cpp is a part like any other")
    func lone() throws {
        let fixture = try #require(PackageFixture.all.first { $0.name == "plain" })
        let base = BaseWeights(try ModelFiles.open(fixture.base))
        let file = "\(Checkout.path)/Tests/AdaptersTests/Fixtures/gguf/plain.gguf"
        let merged = try LoRAMerge([.init(name: "plain", folder: file, weight: 2)]).result(for: base)
        let other = try LoRAMerge([.init(name: "plain", folder: fixture.folder, weight: 2)]).result(for: base)
        #expect(merged.modules.map(\.path) == other.modules.map(\.path) && !merged.modules.isEmpty)
        for (one, two) in zip(merged.modules, other.modules) { #expect(Self.difference(one.pair.product(), two.pair.product()) < 1e-5) }
    }

    // MARK: refusals

    @Test("What cannot be merged is refused with what to do")
    func refusals() throws {
        let base = try Self.base()
        func message(_ merge: LoRAMerge) -> String {
            do {
                _ = try merge.result(for: base)
                return ""
            } catch {
                return "\(error.code): \(error)"
            }
        }
        let (one, wide) = (Self.parts([("one", 1)]), Self.parts([("wide", 1)]))
        #expect(message(LoRAMerge([])).contains("0 adapters"))
        #expect(message(LoRAMerge(one + one)).contains("named twice"))
        #expect(message(LoRAMerge(one + wide, method: .ties, rules: .peft, density: 0.5)).contains("the ranks 4 and 6 here"))
        #expect(message(LoRAMerge(one, method: .ties)).contains("say which share"))
        #expect(message(LoRAMerge(one, method: .svd, density: 0.5)).contains("keeps all elements"))
        #expect(message(LoRAMerge(one, method: .ties, density: 1.5)).contains("0 < density"))
        #expect(message(LoRAMerge(one, method: .svd, size: .rank(0))).contains("expected 1 to"))
        #expect(message(LoRAMerge(one, method: .svd, size: .energy(1.2))).contains("0 < energy"))
        #expect(message(LoRAMerge(one, method: .cat, size: .rank(3))).contains("use svd"))
        #expect(message(LoRAMerge(one, method: .cat, rules: .mergekit)).contains("no method cat"))
        #expect(message(LoRAMerge(Self.parts([("one", .nan)]))).contains("weight"))
        #expect(message(LoRAMerge(Self.parts([("none", 1)]))).hasPrefix("notFound"))
        let families = "\(Checkout.path)/Tests/ConformanceTests/Fixtures/tiny"
        let llama3 = BaseWeights(try ModelFiles.open("\(Checkout.path)/Tests/ModelsTests/Fixtures/tiny/llama3"))
        for (name, reason) in [
            ("dora", "bake it into the base"), ("ia3", "scales rows or columns"), ("mixlora", "routers"), ("saved-head-tied", "head as well"),
            ("alora", "invocation"),
        ] {
            let fixture = try #require(PackageFixture.all.first { $0.name == name })
            let base = fixture.base.hasSuffix("llama3") ? llama3 : BaseWeights(try ModelFiles.open(fixture.base))
            let merge = LoRAMerge([.init(name: name, folder: "\(families)/\(name)")])
            let error = #expect(throws: MergeError.self) { try merge.result(for: base) }
            #expect(error?.code == .unsupported && error?.message.contains(reason) == true, "\(name): \(error?.message ?? "")")
        }
    }
}

@Suite("Merged adapters on the disk")
struct AdapterMergeFolderTests {
    @Test("A folder that was written loads with the change that was merged, and its card and route are there")
    func written() throws {
        let base = try AdapterMergeTests.base()
        let merge = LoRAMerge(AdapterMergeTests.parts([("one", 0.5), ("two", 1), ("wide", -1)]))
        let merged = try merge.result(for: base)
        let folder = try TemporaryFolder()
        let route = AdapterRoute.joined([.init(description: "One.", examples: ["a", "b"]), .init(description: "Two.", examples: ["c", "a"])])
        #expect(route == AdapterRoute(description: "One. Two.", examples: ["a", "c", "b"]))
        let bytes = try merge.write(merged, to: folder.place("both"), base: base, route: route)
        #expect(bytes == 4 * merged.parameters)
        let again = try LoRAMerge([.init(name: "both", folder: folder.place("both"))]).result(for: base)
        #expect(again.modules.map(\.path) == merged.modules.map(\.path))
        for (one, other) in zip(again.modules, merged.modules) { #expect(one.pair == other.pair, "\(one.path)") }
        let configuration = try JSONValue.parse(try folder.text("both/adapter_config.json"))
        #expect(configuration["base_model_name_or_path"]?.stringValue == "tiny/llama")
        #expect(configuration["target_modules"]?.serialized() == #"["down_proj","q_proj","v_proj"]"#)
        #expect(try folder.text("both/README.md").contains("| part | `wide`, weight -1.0 |"))
        #expect(try folder.text("both/route.yaml").contains("- \"c\""))
        let record = try JSONValue.parse(try folder.text("both/merge.json"))
        #expect(record["method"]?.stringValue == "cat" && record["parts"]?.arrayValue?.count == 3)
    }

    @Test("A name that is taken is refused, and replaced where that was said")
    func taken() throws {
        let base = try AdapterMergeTests.base()
        let folder = try TemporaryFolder()
        let (first, second) = (LoRAMerge(AdapterMergeTests.parts([("one", 1)])), LoRAMerge(AdapterMergeTests.parts([("two", 1)])))
        _ = try first.write(first.result(for: base), to: folder.place("sql"), base: base)
        let before = try folder.read("sql/adapter_model.safetensors")
        let result = try second.result(for: base)
        let error = #expect(throws: MergeError.self) { try second.write(result, to: folder.place("sql"), base: base) }
        #expect(error?.code == .exists)
        #expect(try folder.read("sql/adapter_model.safetensors") == before)
        _ = try second.write(result, to: folder.place("sql"), replaces: true, base: base)
        #expect(try folder.read("sql/adapter_model.safetensors") != before)
        let name = #expect(throws: MergeError.self) { try second.write(result, to: folder.place("base"), base: base) }
        #expect(name?.code == .invalidRecipe)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["sql"])
    }
}
