public import Tensors

/// Tensors by name, and lookups whose errors say what is missing or different. Every file of weights offers them.
public protocol TensorSource: Sendable {
    /// Of the file, or of the folder of several.
    var path: String { get }
    var tensors: [String: TensorView] { get }
}

extension TensorSource {
    /// The tensor of that name; `missingTensor` when there is none.
    public func tensor(_ name: String) throws(WeightsError) -> TensorView {
        if let view = tensors[name] { return view }
        throw WeightsError(
            .missingTensor, "missing; the file has \(tensors.count) tensors\(nearest(to: name))", file: path, tensor: name)
    }

    /// The tensor of that name and shape; `missingTensor` or `wrongShape`.
    public func tensor(_ name: String, shape: [Int]) throws(WeightsError) -> TensorView {
        let view = try tensor(name)
        guard view.shape == shape else {
            throw WeightsError(.wrongShape, "expected shape \(shape), found \(view.shape)", file: path, tensor: name)
        }
        return view
    }

    /// A floating-point or quantised tensor of that name and shape; `missingTensor` or `wrongShape`.
    public func weights(_ name: String, shape: [Int]) throws(WeightsError) -> TensorView {
        let view = try tensor(name, shape: shape)
        guard view.dtype.isFloatingPoint else {
            throw WeightsError(
                .wrongShape, "expected floating-point elements, found \(view.dtype.name)", file: path, tensor: name)
        }
        return view
    }

    /// A tensor whose name ends like the missing one, as a hint: files often differ by a prefix.
    private func nearest(to name: String) -> String {
        let ending = name.split(separator: ".").suffix(2).joined(separator: ".")
        guard !ending.isEmpty, let other = tensors.keys.filter({ $0.hasSuffix(ending) }).min() else { return "" }
        return ", among them \(quoted(other))"
    }
}
