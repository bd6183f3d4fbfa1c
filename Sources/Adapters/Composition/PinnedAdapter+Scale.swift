internal import Models
internal import Tensors

extension PinnedAdapter {
    /// The same adapter at another strength, `y = W x + factor * delta`, in a version of its own. The matrices are shared.
    ///
    /// Errors: `unsupported` for families whose effect is no sum with a factor. Cost: a table of the modules.
    public func scaled(by factor: Double) throws(AdapterError) -> PinnedAdapter {
        guard factor != 1 else { return self }
        guard retrieval == nil, let delta = delta.scaled(by: Float(factor)) else {
            throw AdapterError(
                .unsupported, "an adapter of the family \(summary.family) has no strength to set; leave `scale` out or set it to 1",
                adapter: name)
        }
        let version = ContentDigest(of: "\(version)*\(factor.bitPattern)").hexadecimal.prefix(32)
        return PinnedAdapter(
            name: name,
            adapter: LoadedAdapter(
                version: String(version), delta: delta, chatTemplate: chatTemplate, summary: summary, fingerprint: FolderFingerprint()),
            parts: [self])
    }
}
