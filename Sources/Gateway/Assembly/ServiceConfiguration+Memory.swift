public import Adapters
public import Inference
public import Memory
public import Models

extension ServiceConfiguration {
    /// The memories of a base, by their folders.
    public func openMemories(for base: BaseWeights) -> MemoryLibrary {
        MemoryLibrary(baseIdentity: base.identity, configuration: base.configuration)
    }

    /// The families that are served, with memories that are told facts.
    public func adapterRegistry(_ memories: MemoryLibrary) -> AdapterRegistry {
        AdapterRegistry(AdapterRegistry.standard.families + [MemoryStoreFamily(memories)])
    }

    /// What writing facts needs of the base.
    public func memoryBase(_ model: BaseModel) -> MemoryBase {
        MemoryBase(
            name: model.name, identity: model.weights.identity, weights: model.decoder, tokenizer: model.tokenizer, template: model.template,
            endOfSequence: model.endOfSequencePiece)
    }
}
