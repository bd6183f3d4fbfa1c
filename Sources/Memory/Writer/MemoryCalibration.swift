internal import Models
internal import Tensors

/// What the writer knows of a base at the layer that carries memory, measured once: how its feed-forward's input is distributed where
/// answers are.
public struct MemoryCalibration: Sendable {
    /// The layer.
    public let site: Int
    /// The base that it is of: `MemoryBase.name` and `identity`.
    public let baseName: String
    public let baseIdentity: String
    /// Elements of the residual stream.
    public let hidden: Int
    /// rho: the size of what has to be added there. The root mean square of the residual stream after the site; in families that norm the
    /// feed-forward's output, that of the output.
    public let residualScale: Float
    /// mu, `[hidden]`.
    let mean: [Float]
    /// C, `[hidden, hidden]`, with a tenth of its mean diagonal mixed in.
    let covariance: [Float]
    /// What the feed-forward reads at the end of unrelated prompts, `[prompts, hidden]`.
    let prompts: [Float]
    /// The inverse of C, `[hidden, hidden]`.
    let inverse: FloatBuffer

    var promptCount: Int { prompts.count / hidden }

    /// Errors: `malformed` numbers that are not finite, or a covariance that is none.
    init(
        site: Int, baseName: String, baseIdentity: String, hidden: Int, residualScale: Float, mean: [Float], covariance: [Float],
        prompts: [Float]
    ) throws(MemoryError) {
        precondition(
            mean.count == hidden && covariance.count == hidden * hidden && prompts.count % hidden == 0,
            "a calibration of \(hidden) elements has \(mean.count), \(covariance.count) and \(prompts.count)")
        guard mean.allSatisfy(\.isFinite), covariance.allSatisfy(\.isFinite), prompts.allSatisfy(\.isFinite), residualScale.isFinite,
            residualScale > 0
        else { throw MemoryError(.malformed, "a number of the calibration is not finite") }
        guard let factor = CholeskyFactor(covariance.map(Double.init), order: hidden) else {
            throw MemoryError(.malformed, "the calibration's covariance is not positive definite")
        }
        (self.site, self.baseName, self.baseIdentity, self.hidden) = (site, baseName, baseIdentity, hidden)
        (self.residualScale, self.mean, self.covariance, self.prompts) = (residualScale, mean, covariance, prompts)
        var identity = [Double](repeating: 0, count: hidden * hidden)
        for index in 0..<hidden { identity[index * hidden + index] = 1 }
        factor.solve(&identity, columns: hidden)
        inverse = FloatBuffer(identity.map { Float($0) })
    }

    /// Errors: `mismatched` when it is of another base.
    func check(_ base: MemoryBase) throws(MemoryError) {
        guard baseIdentity == base.identity else {
            throw MemoryError(
                .mismatched,
                "the calibration is of \(baseName) (\(baseIdentity)), the base is \(base.name) (\(base.identity)): "
                    + "calibrate again with lmoe memory calibrate")
        }
        guard hidden == base.configuration.hidden, site < base.configuration.layers else {
            throw MemoryError(
                .mismatched,
                "the calibration is of layer \(site) with \(hidden) elements, "
                    + "the base has \(base.configuration.layers) layers of \(base.configuration.hidden)")
        }
    }
}
