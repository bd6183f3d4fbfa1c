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
        let prompts = (try renderer.prompt("a"), try renderer.prompt("0"))
        let common = zip(prompts.0, prompts.1).prefix { $0 == $1 }.map(\.0)
        do throws(ModelError) {
            workspace = try StepWorkspace(base.weights, pool: pool, maximumRows: Self.stepRows)
            upper = try UpperLayers(
                base.weights, above: site, pool: pool, maximumRows: max(upperRows, common.count), interruption: interruption)
        } catch {
            throw MemoryError(error)
        }
        blocks = try PromptBlocks(workspace, shared: Array(common.prefix(prompts.0.count - 1)))
        prefill = try SitePrefill(workspace, blocks, upper, interruption: interruption)
    }
}
