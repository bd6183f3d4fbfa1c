internal import Glibc
public import Tensors

/// Writes safetensors files of tensors that are in memory already. See `WeightsPlan` and `WeightsWriter` for a model that is not.
public enum SafetensorsWriter {
    /// Writes the tensors under their names to a file beside `path`, flushes it and renames it into place: a reader sees
    /// the old file or the whole new one.
    ///
    /// Wider element types come first, equal ones by name, and the header is padded to 8 bytes, so that every element is
    /// aligned and the same tensors give the same bytes. Errors: `duplicate`, `unsupported` (quantised elements),
    /// `unwritable`. Cost: `O(bytes)`; no copy of the tensors.
    public static func write(
        _ tensors: [TensorView], metadata: [String: String] = [:], to path: String
    ) throws(WeightsError) {
        let ordered = tensors.sorted {
            ($1.dtype.blockBytes, $0.name) < ($0.dtype.blockBytes, $1.name)
        }
        let planned = ordered.map { PlannedTensor($0.name, $0.dtype, $0.shape) }
        let header = try SafetensorsHeader.bytes(planned, metadata: metadata, file: path)
        let file = try PartialFile(path)
        try header.withUnsafeBytes { bytes in Result { () throws(WeightsError) in try file.write(bytes) } }.get()
        for tensor in ordered {
            try tensor.withUnsafeBytes { (bytes) throws(WeightsError) in try file.write(bytes) }
        }
        try file.commit()
    }
}

/// A file that gets its name when it is complete, and is deleted otherwise.
private final class PartialFile {
    private let path: String
    private let partialPath: String
    private let descriptor: Int32
    private var isCommitted = false

    init(_ path: String) throws(WeightsError) {
        self.path = path
        partialPath = "\(path).\(getpid()).partial"
        descriptor = open(partialPath, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Self.error("cannot create", path) }
    }

    deinit {
        close(descriptor)
        if !isCommitted { unlink(partialPath) }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(WeightsError) {
        var rest = bytes[...]
        while let base = UnsafeRawBufferPointer(rebasing: rest).baseAddress, !rest.isEmpty {
            let written = Glibc.write(descriptor, base, rest.count)
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { throw Self.error("cannot write", path) }
            rest = rest.dropFirst(written)
        }
    }

    func commit() throws(WeightsError) {
        guard fsync(descriptor) == 0, rename(partialPath, path) == 0 else { throw Self.error("cannot put in place", path) }
        isCommitted = true
    }

    private static func error(_ what: String, _ path: String) -> WeightsError {
        WeightsError(.unwritable, "\(what): \(String(cString: strerror(errno)))", file: path)
    }
}
