internal import Glibc

/// Writes the files of a plan into a folder, piece by piece.
///
/// The files have their final names, sizes and headers from the start, so an unfinished folder looks finished: write into a folder
/// of another name, and rename it after `finish`. Which pieces were written is the caller's to remember. Pieces may come from any
/// thread and in any order; bytes that are never written are zero.
public final class WeightsWriter: Sendable {
    public let plan: WeightsPlan
    /// As given.
    public let folder: String
    /// At the plan's index.
    private let files: [OutputFile]

    private init(plan: WeightsPlan, folder: String, files: [OutputFile]) {
        (self.plan, self.folder, self.files) = (plan, folder, files)
    }

    /// Creates the files in a folder that exists, and takes the disk's blocks for all of their bytes where the file system can.
    /// Errors: `noSpace` with the bytes needed and free, `limitExceeded` (the process's limit of a file's size), `unwritable`, also when
    /// there is a file of such a name. After an error the files are gone again.
    public static func create(_ plan: WeightsPlan, in folder: String) throws(WeightsError) -> WeightsWriter {
        try checkSpace(for: plan, taken: 0, in: folder)
        var files: [OutputFile] = []
        do throws(WeightsError) {
            for file in plan.files {
                let output = try OutputFile(creating: "\(folder)/\(file.name)", size: file.size)
                files.append(output)
                try output.reserve()
                try file.head.withUnsafeBytes { bytes in Result { () throws(WeightsError) in try output.write(bytes, at: 0) } }.get()
            }
        } catch {
            for file in files { unlink(file.path) }
            guard error.code == .noSpace else { throw error }
            throw withSpace(error, plan, folder)
        }
        return WeightsWriter(plan: plan, folder: folder, files: files)
    }

    /// Opens the files that `create` made of the same plan; what was written stays. Errors: `notFound`; `malformed` when a file has
    /// another size or header; those of `create`.
    public static func reopen(_ plan: WeightsPlan, in folder: String) throws(WeightsError) -> WeightsWriter {
        var files: [OutputFile] = []
        for file in plan.files {
            let output = try OutputFile(reopening: "\(folder)/\(file.name)", size: file.size)
            guard try output.begins(with: file.head) else {
                throw WeightsError(.malformed, "its header is not the one of these tensors: another model was written here", file: output.path)
            }
            files.append(output)
        }
        // Where blocks could not be taken, those that are missing have to be free.
        let taken = zip(files, plan.files).reduce(0) { $0 + min($1.0.allocatedBytes(), $1.1.size) }
        try checkSpace(for: plan, taken: taken, in: folder)
        return WeightsWriter(plan: plan, folder: folder, files: files)
    }

    /// Writes encoded elements of a tensor of the plan, from `byteOffset` of its bytes on. Errors: `noSpace`, `unwritable`.
    public func write(_ bytes: UnsafeRawBufferPointer, tensor: Int, byteOffset: Int = 0) throws(WeightsError) {
        let place = plan.places[tensor]
        precondition(
            byteOffset >= 0 && byteOffset <= place.byteCount && bytes.count <= place.byteCount - byteOffset,
            "bytes behind the end of tensor \(plan.tensors[tensor].name) were to be written")
        do throws(WeightsError) {
            try files[place.file].write(bytes, at: place.offset + byteOffset)
        } catch {
            var error = error
            error.tensor = plan.tensors[tensor].name
            throw error
        }
    }

    /// Returns when everything that was written so far is on the disk: a journal that says so may then be written.
    public func flush() throws(WeightsError) {
        for file in files { try file.synchronize() }
    }

    /// Flushes the files and the folder. Write nothing after it.
    public func finish() throws(WeightsError) {
        try flush()
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { if descriptor >= 0 { close(descriptor) } }
        guard descriptor >= 0, fsync(descriptor) == 0 else {
            throw WeightsError(.unwritable, "cannot flush the folder: \(String(cString: strerror(errno)))", file: folder)
        }
    }

    // MARK: Space

    private static func checkSpace(for plan: WeightsPlan, taken: Int, in folder: String) throws(WeightsError) {
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0, let large = plan.files.first(where: { UInt64($0.size) > UInt64(limit.rlim_cur) }) {
            throw WeightsError(
                .limitExceeded, "\(large.size) bytes; the process may write files of up to \(limit.rlim_cur): raise it with ulimit -f", file: "\(folder)/\(large.name)")
        }
        guard let free = freeBytes(folder), plan.byteCount - taken > free else { return }
        throw WeightsError(.noSpace, "\(plan.byteCount - taken) bytes are needed, \(free) are free", file: folder)
    }

    private static func withSpace(_ error: WeightsError, _ plan: WeightsPlan, _ folder: String) -> WeightsError {
        guard let free = freeBytes(folder) else { return error }
        var error = error
        error.message += "; \(plan.byteCount) bytes are needed, \(free) are free"
        return error
    }

    /// Nil where the system does not say.
    private static func freeBytes(_ folder: String) -> Int? {
        var status = statvfs()
        guard statvfs(folder, &status) == 0, status.f_blocks > 0 else { return nil }
        let (bytes, overflow) = Int(clamping: status.f_bavail).multipliedReportingOverflow(by: Int(status.f_frsize))
        return overflow ? nil : bytes
    }
}
