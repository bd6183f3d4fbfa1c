internal import Models
internal import Tensors

/// The working memory of writing at one site.
///
/// Isolation: one thread uses it at a time.
final class WriterDesk {
    let base: MemoryBase
    let renderer: FactRenderer
    /// In which a fact is written.
    let settings: [FactSetting]
    let pool: WorkerPool
    let interruption: Interruption
    let workspace: StepWorkspace
    let upper: UpperLayers
    let blocks: PromptBlocks
    let prefill: SitePrefill

    /// Rows of a step of the base. In the background the foreground waits for a part of a layer of one at most.
    private static let stepRows = 256
    /// Bytes of the keys and values of facts that are written together.
    private static let batchBytes = 64 << 20

    /// Errors: `invalid` for a layer that the base does not have, `unavailable` memory.
    ///
    /// - Parameter upperRows: of a step of the layers above the site.
    init(_ base: MemoryBase, site: Int, pool: WorkerPool, upperRows: Int, interruption: Interruption) throws(MemoryError) {
        guard 0..<base.configuration.layers ~= site else {
            throw MemoryError(.invalid, "layer \(site), the base has the layers 0 to \(base.configuration.layers - 1)", place: "site")
        }
        (self.base, self.pool, self.interruption) = (base, pool, interruption)
        renderer = FactRenderer(base)
        settings = renderer.settings
        // What two prompts have in common that begin differently.
        let renderer = renderer
        let prefixes = try settings.map { setting throws(MemoryError) in
            let prompts = (try renderer.prompt("a", in: setting), try renderer.prompt("0", in: setting))
            return Array(zip(prompts.0, prompts.1).prefix { $0 == $1 }.map(\.0).prefix(prompts.0.count - 1))
        }
        do throws(ModelError) {
            workspace = try StepWorkspace(base.weights, pool: pool, maximumRows: Self.stepRows)
            upper = try UpperLayers(
                base.weights, above: site, pool: pool, maximumRows: max(upperRows, prefixes.map(\.count).max() ?? 0),
                interruption: interruption)
        } catch {
            throw MemoryError(error)
        }
        blocks = try PromptBlocks(workspace, prefixes: prefixes)
        prefill = try SitePrefill(workspace, blocks, upper, interruption: interruption)
    }

    /// Tokens of facts that are written together, with their prompts. One fact may have more.
    var batchTokens: Int { max(1, Self.batchBytes / blocks.tokenBytes) }
}
