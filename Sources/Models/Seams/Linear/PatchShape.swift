/// The sizes that patches of one projection agree on; nil: no part says.
struct PatchShape {
    private var outputs: Int?
    private var inputs: Int?

    func fits(_ projection: Projection, _ configuration: DecoderConfiguration) -> Bool {
        if !configuration.has(projection) { return outputs == nil && inputs == nil }
        let shape = projection.shape(in: configuration)
        return (outputs ?? shape.outputs) == shape.outputs && (inputs ?? shape.inputs) == shape.inputs
    }

    /// With one more patch; nil when it contradicts.
    func joined(_ patch: LinearPatch?) -> PatchShape? {
        let outputs = [patch?.lowRank?.outputs, patch?.outputScale?.count, patch?.bias?.count]
        let inputs = [patch?.lowRank?.inputs, patch?.inputScale?.count]
        return joined(outputs: outputs.compactMap { $0 }, inputs: inputs.compactMap { $0 })
    }

    /// With a router of so many elements for so many experts, which reads the projection's input; nil when it contradicts.
    func joined(router elements: Int, experts: Int) -> PatchShape? {
        elements % experts == 0 ? joined(outputs: [], inputs: [elements / experts]) : nil
    }

    private func joined(outputs: [Int], inputs: [Int]) -> PatchShape? {
        var joined = self
        for count in outputs {
            guard joined.outputs ?? count == count else { return nil }
            joined.outputs = count
        }
        for count in inputs {
            guard joined.inputs ?? count == count else { return nil }
            joined.inputs = count
        }
        return joined
    }
}
