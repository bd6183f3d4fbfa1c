internal import Tensors
internal import Weights

/// Copies a file of weights, or its header, and takes it apart.
struct WeightsReader {
    private static let lengthBytes = 8

    let file: AdapterFile
    let limits: AdapterLimits

    func read(_ depth: AdapterContent.Depth) throws(AdapterError) -> AdapterWeights {
        guard file.size <= limits.weightsBytes else {
            throw AdapterError(.limitExceeded, "\(file.size) bytes; at most \(limits.weightsBytes) are read", file: file.name)
        }
        let headerEnd = try headerEnd()
        let copy =
            switch depth {
            case .headers: try file.copy(first: headerEnd)
            case .everything: try file.copy(first: file.size)
            }
        let opened = try AdapterError.converting(file: file.name) { () throws(WeightsError) in
            try SafetensorsFile.open(copy, limits: SafetensorsLimits(headerBytes: limits.headerBytes))
        }
        return AdapterWeights(opened)
    }

    /// Where the header ends. Errors: `notReady` when the file does, `limitExceeded` when the length is absurd.
    private func headerEnd() throws(AdapterError) -> Int {
        guard file.size >= Self.lengthBytes else {
            throw AdapterError(.notReady, "\(file.size) bytes; the header begins with \(Self.lengthBytes)", file: file.name)
        }
        var length: UInt64 = 0
        try withUnsafeMutableBytes(of: &length) { bytes in
            Result { () throws(AdapterError) in try file.read(into: bytes, at: 0) }
        }.get()
        length = UInt64(littleEndian: length)
        guard length <= UInt64(limits.headerBytes) else {
            throw AdapterError(
                .limitExceeded, "a header of \(length) bytes; at most \(limits.headerBytes) are read", file: file.name)
        }
        let end = Self.lengthBytes + Int(length)
        guard end <= file.size else {
            throw AdapterError(.notReady, "\(file.size) bytes; the header alone ends at \(end)", file: file.name)
        }
        return end
    }
}

extension AdapterError {
    /// What `body` gives, with the errors of this module.
    static func converting<Value>(file: String, _ body: () throws(WeightsError) -> Value) throws(AdapterError) -> Value {
        do throws(WeightsError) {
            return try body()
        } catch {
            throw AdapterError(error, file: file)
        }
    }

    /// An error of the format's reader. A file that is too short may still be being copied.
    init(_ error: WeightsError, file: String) {
        let code: Code =
            switch error.code {
            case .truncated: .notReady
            case .unsupported: .unsupported
            case .limitExceeded: .limitExceeded
            case .wrongShape: .wrongShape
            case .missingTensor: .missingTensor
            case .notFound, .unreadable, .unwritable: .io
            case .malformed, .duplicate, .missingKey, .wrongType: .malformed
            }
        self.init(code, error.message, file: file, tensor: error.tensor, key: error.key)
    }
}
