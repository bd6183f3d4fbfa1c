internal import Glibc
internal import Tensors

/// One open file of an adapter's folder. It is read with `pread` into memory of our own, never mapped: somebody may
/// truncate it while it is read.
final class AdapterFile: Sendable {
    static let configuration = "adapter_config.json"
    static let weights = "adapter_model.safetensors"
    static let template = "chat_template.jinja"
    static let tokenizer = "tokenizer_config.json"
    /// Shards, which PEFT does not write for adapters, and the pickles that it once wrote.
    static let weightsIndex = "adapter_model.safetensors.index.json"
    static let pickleEndings = [".bin", ".pt", ".pth"]
    static let pickles = pickleEndings.map { "adapter_model" + $0 }

    /// A LoRA file of llama.cpp may have any name.
    static let ggufEnding = ".gguf"

    static func isGGUF(_ name: String) -> Bool { !name.hasPrefix(".") && name.lowercased().hasSuffix(ggufEnding) }

    /// A path that leads to a file: its folder and name; nil for a folder, and for what is not there.
    static func lone(_ path: String) -> (folder: String, name: String)? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        return (String(path[...slash]), String(path[path.index(after: slash)...]))
    }

    /// The files of known names that decide what an adapter does, and what is said when it does nothing.
    static let decisive = [configuration, weights, template, tokenizer, weightsIndex] + pickles

    let name: String
    /// As it was when the file was opened.
    let stamp: FileStamp
    private let descriptor: Int32

    /// Owns the descriptor.
    init(name: String, descriptor: Int32) throws(AdapterError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw AdapterError(.unsafePath, "not a regular file", file: name)
        }
        self.name = name
        self.descriptor = descriptor
        stamp = FileStamp(status)
    }

    deinit { close(descriptor) }

    var size: Int { stamp.size }

    /// The whole file. Errors: `limitExceeded`, `io`, and `notReady` when it changes meanwhile.
    func contents(limit: Int) throws(AdapterError) -> [UInt8] {
        guard size <= limit else {
            throw AdapterError(.limitExceeded, "\(size) bytes; at most \(limit) are read", file: name)
        }
        var bytes = [UInt8](repeating: 0, count: size)
        try bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(AdapterError) in try read(into: buffer, at: 0) }
        }.get()
        try checkUnchanged()
        return bytes
    }

    /// The first bytes, or all, as a file that others can take apart; what was not read is zero and takes no memory.
    func copy(first count: Int) throws(AdapterError) -> MappedFile {
        try memory(size: size, filled: count) { (buffer) throws(AdapterError) in
            try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(count)), at: 0)
        }
    }

    /// Memory that `fill` writes into, as if it were a file; what it leaves alone is zero and takes none. Of the first `filled`
    /// bytes all will be written.
    func memory(
        size: Int, filled: Int = 0, _ fill: (UnsafeMutableRawBufferPointer) throws(AdapterError) -> Void
    ) throws(AdapterError) -> MappedFile {
        do throws(MappedFileError) {
            return try MappedFile(path: name, size: size, filled: filled) { (buffer) throws(MappedFileError) in
                do throws(AdapterError) { try fill(buffer) } catch { throw MappedFileError(name, error.message) }
            }
        } catch {
            throw AdapterError(.notReady, error.message, file: name)
        }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(AdapterError) {
        var done = 0
        while done < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let count = pread(descriptor, rest.baseAddress, rest.count, offset + done)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw AdapterError(.io, "cannot read: \(String(cString: strerror(errno)))", file: name) }
            guard count > 0 else { throw AdapterError(.notReady, "the file became shorter while it was read", file: name) }
            done += count
        }
    }

    /// Throws `notReady` when the file is not what it was when it was opened.
    func checkUnchanged() throws(AdapterError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0, FileStamp(status) == stamp else {
            throw AdapterError(.notReady, "the file changed while it was read", file: name)
        }
    }
}
