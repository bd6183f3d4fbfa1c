internal import Models
internal import Tensors

extension PinnedAdapter {
    /// The same adapter at another strength, `y = W x + factor * delta`, in a version of its own. The matrices are shared.
    ///
    /// The factor is an f32, as the kernels use it: factors that round to the same one share a version, and with it cached keys and
    /// values. Nothing is kept: the table and the version live as long as requests, or cached blocks, hold them.
    ///
    /// Errors: `unsupported` for families whose effect is no sum with a factor, `nonFinite`. Cost: a table of the modules.
    public func scaled(by factor: Double) throws(AdapterError) -> PinnedAdapter {
        let factor = Float(factor)
        guard factor != 1 else { return self }
        let largest = (summary.scales.map { max(abs($0.lowerBound), abs($0.upperBound)) } ?? 1) * Double(abs(factor))
        guard factor.isFinite, Float(largest).isFinite else {
            throw AdapterError(.nonFinite, "the strength \(factor) makes a factor that f32 cannot hold", adapter: name)
        }
        guard retrieval == nil, let delta = delta.scaled(by: factor) else {
            throw AdapterError(
                .unsupported, "an adapter of the family \(summary.family) has no strength to set; leave `scale` out or set it to 1",
                adapter: name)
        }
        let version = ContentDigest(of: "\(version)*\(factor.bitPattern)").hexadecimal.prefix(32)
        return PinnedAdapter(
            name: name,
            adapter: LoadedAdapter(
                version: String(version), delta: delta, prompting: prompting, summary: summary, fingerprint: FolderFingerprint()),
            parts: [self])
    }
}
