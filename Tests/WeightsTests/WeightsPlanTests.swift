import Tensors
import Testing
@testable import Weights

@Suite struct WeightsPlanTests {
    private func tensors(_ shapes: [(String, DType, [Int])]) -> [PlannedTensor] { shapes.map { PlannedTensor($0.0, $0.1, $0.2) } }

    @Test func oneShardIsOneFileWithoutAnIndex() throws {
        let plan = try WeightsPlan.safetensors(tensors([("a", .bf16, [3]), ("b", .f32, [2, 2])]))
        #expect(plan.files.map(\.name) == ["model.safetensors"])
        // The wider type comes first; both are aligned.
        #expect(plan.places[0].offset == plan.places[1].offset + 16)
        #expect(plan.places[1].offset % 8 == 0)
        #expect(plan.files[0].size == plan.places[0].offset + 6)
        #expect(plan.index(of: "b") == 1 && plan.index(of: "c") == nil)
    }

    @Test func shardsAreFilledInOrderAndHoldAtLeastOneTensor() throws {
        let sizes = [("a", 4), ("b", 4), ("c", 3), ("large", 40), ("d", 1), ("e", 7), ("f", 1)]
        let plan = try WeightsPlan.safetensors(sizes.map { PlannedTensor($0.0, .f16, [$0.1]) }, shardBytes: 16)
        #expect(
            plan.files.map(\.name) == [1, 2, 3, 4, 5].map { "model-0000\($0)-of-00005.safetensors" } + ["model.safetensors.index.json"])
        // A shard of exactly the limit is full, not over it.
        #expect(plan.places.map(\.file) == [0, 0, 1, 2, 3, 3, 4])
        let index = String(decoding: plan.files[5].head, as: UTF8.self)
        #expect(index.hasPrefix(#"{"metadata":{"total_size":120},"weight_map":{"a":"model-00001-of-00005.safetensors","#))
        #expect(plan.files[5].size == plan.files[5].head.count)
    }

    @Test func whatCannotBeWrittenIsRefusedBeforeAnythingIs() {
        #expect(failure { try WeightsPlan.safetensors(self.tensors([("a", .f32, [1]), ("a", .f32, [1])])) }?.code == .duplicate)
        #expect(failure { try WeightsPlan.safetensors(self.tensors([("__metadata__", .f32, [1])])) }?.code == .duplicate)
        #expect(failure { try WeightsPlan.safetensors(self.tensors([("a", .q8_0, [32])])) }?.code == .unsupported)
        let odd = failure { try WeightsPlan.safetensors(self.tensors([("odd", .q8_0, [4, 33])])) }
        #expect(odd?.code == .malformed && odd?.tensor == "odd")
        #expect(failure { try WeightsPlan.safetensors(self.tensors([("a", .f32, [1 << 40, 1 << 40])])) }?.code == .malformed)
        #expect(failure { try WeightsPlan.safetensors(self.tensors([("a", .f32, [1 << 58]), ("b", .f32, [1 << 57])])) }?.code == .limitExceeded)
        let many = (0..<5).map { PlannedTensor("\($0)", .f32, [1]) }
        #expect(failure { try WeightsPlan.safetensors(many, shardBytes: 4, limits: SafetensorsLimits(shards: 4)) }?.code == .limitExceeded)
        #expect(failure { try WeightsPlan.safetensors(many, limits: SafetensorsLimits(headerBytes: 100)) }?.code == .limitExceeded)
    }
}
