import Foundation
import Tensors
import Testing
@testable import Weights

@Suite struct GGUFPlanTests {
    private let folder: ScratchFolder
    init() throws { folder = try ScratchFolder() }

    private let architecture = GGUFField("general.architecture", .string("llama"))

    /// A value of every type.
    private static let values: [(String, GGUFField.Value)] = [
        ("u8", .u8(255)), ("i8", .i8(-128)), ("u16", .u16(65535)), ("i16", .i16(-2)), ("u32", .u32(4_000_000_000)), ("i32", .i32(-5)),
        ("u64", .u64(.max)), ("i64", .i64(.min)), ("f32", .f32(1.5)), ("f64", .f64(0.1)), ("yes", .bool(true)), ("no", .bool(false)),
        ("text", .string("é\n")), ("words", .strings(["a", "", "🦙"])), ("ids", .i32s([3, -1])), ("scores", .f32s([-1e4, .infinity])),
        ("flags", .array([.bool(true), .bool(false)], of: .bool)), ("none", .array([], of: .u8)),
        ("nested", .array([.i32s([1, 2]), .strings(["x"])], of: .array)),
    ]

    @Test func everyKindOfValueIsReadBack() throws {
        let pairs = [architecture] + Self.values.map { GGUFField($0.0, $0.1) }
        let plan = try WeightsPlan.gguf([PlannedTensor("t", .f32, [2])], metadata: pairs)
        _ = try WeightsWriter.create(plan, in: folder.path)
        let file = try GGUFFile.open("\(folder.path)/model.gguf")
        let metadata = file.metadata
        #expect(metadata.keys.count == pairs.count)
        #expect(try metadata.int("u8") == 255 && metadata.int("i8") == -128 && metadata.int("u16") == 65535 && metadata.int("i16") == -2)
        #expect(try metadata.int("u32") == 4_000_000_000 && metadata.int("i32") == -5 && metadata.int("i64") == .min)
        guard case .unsigned(.max)? = metadata["u64"] else { throw metadata.invalid("u64", "another value") }
        #expect(try metadata.double("f32") == 1.5 && metadata.double("f64") == 0.1)
        #expect(try metadata.bool("yes") && !metadata.bool("no"))
        #expect(try metadata.string("text") == "é\n" && metadata.strings("words") == ["a", "", "🦙"])
        #expect(try metadata.ints("ids") == [3, -1] && metadata.floats("scores") == [-1e4, .infinity])
        #expect(try metadata.optionalBools("flags") == [true, false] && metadata.ints("none") == [])
        #expect(file.pairs == pairs, "and is copied byte for byte")
    }

    @Test func copiedMetadataMakeTheSameHeader() throws {
        let source = try GGUFFile.open(try folder.write(GGUFBytes.sample().bytes, as: "source.gguf"))
        let tensors = source.tensorNames.map { PlannedTensor($0, source.tensors[$0]!.dtype, source.tensors[$0]!.shape) }
        let plan = try WeightsPlan.gguf(tensors, metadata: source.pairs, named: "copy.gguf")
        let writer = try WeightsWriter.create(plan, in: folder.path)
        for (index, tensor) in tensors.enumerated() { try source.tensors[tensor.name]!.withUnsafeBytes { try writer.write($0, tensor: index) } }
        try writer.finish()
        var expected = GGUFBytes.sample()
        expected.pad()
        #expect([UInt8](try Data(contentsOf: URL(filePath: "\(folder.path)/copy.gguf"))) == expected.bytes)
    }

    @Test func placesAreAlignedAndInOrder() throws {
        let types: [DType] = [.q8_0, .f16, .q4_0, .bf16, .q6_K, .f32]
        let tensors = types.enumerated().map { PlannedTensor("\($0.offset)", $0.element, $0.element == .f16 ? [3] : [3, 256]) }
        let plan = try WeightsPlan.gguf(tensors, metadata: [architecture])
        var end = 0
        for (tensor, place) in zip(tensors, plan.places) {
            #expect(place.offset % 32 == 0 && place.offset >= end && place.offset - end < 32 || end == 0, "\(tensor.dtype.name)")
            end = place.offset + place.byteCount
        }
        #expect(plan.files[0].size % 32 == 0 && plan.files[0].size - end < 32)
        _ = try WeightsWriter.create(plan, in: folder.path)
        let file = try GGUFFile.open("\(folder.path)/model.gguf")
        #expect(file.tensorNames == tensors.map(\.name))
        for (tensor, place) in zip(tensors, plan.places) {
            let view = try file.tensor(tensor.name, shape: tensor.shape)
            #expect(view.dtype == tensor.dtype && file.offset(of: view) == place.offset)
        }
    }

    @Test func aFileCutAnywhereIsTruncated() throws {
        let plan = try WeightsPlan.gguf([PlannedTensor("t", .q4_0, [2, 32])], metadata: [architecture, GGUFField("words", .strings(["a", "b"]))])
        _ = try WeightsWriter.create(plan, in: folder.path)
        let whole = [UInt8](try Data(contentsOf: URL(filePath: "\(folder.path)/model.gguf")))
        for count in 0..<plan.places[0].offset + plan.places[0].byteCount {
            #expect(failure { try GGUFFile.open(try folder.write(Array(whole[..<count]))) }?.code == .truncated, "\(count) bytes")
        }
    }

    @Test func aSetKeyKeepsItsPlace() {
        var pairs = [architecture, GGUFField("general.file_type", .u32(3)), GGUFField("last", .u8(1))]
        pairs.set("general.file_type", .u32(7))
        pairs.set("new", .bool(true))
        #expect(pairs.map(\.key) == ["general.architecture", "general.file_type", "last", "new"])
        #expect(pairs[1] == GGUFField("general.file_type", .u32(7)))
    }

    @Test func whatLlamaCppWouldNotReadIsRefused() {
        func code(_ tensors: [PlannedTensor], _ pairs: [GGUFField]) -> WeightsError.Code? {
            failure { try WeightsPlan.gguf(tensors, metadata: pairs) }?.code
        }
        #expect(code([], []) == .missingKey)
        #expect(code([], [architecture, architecture]) == .duplicate)
        #expect(code([PlannedTensor("t", .bool, [1])], [architecture]) == .unsupported)
        #expect(code([PlannedTensor(String(repeating: "n", count: 64), .f32, [1])], [architecture]) == .limitExceeded)
        #expect(code([PlannedTensor("t", .f32, [1, 1, 1, 1, 1])], [architecture]) == .limitExceeded)
        #expect(code([PlannedTensor("t", .q4_0, [4, 40])], [architecture]) == .malformed)
        #expect(code([PlannedTensor("t", .f32, [1]), PlannedTensor("t", .f32, [1])], [architecture]) == .duplicate)
        #expect(code([], [architecture, GGUFField(String(repeating: "k", count: 65_536), .u8(0))]) == .limitExceeded)
    }
}
