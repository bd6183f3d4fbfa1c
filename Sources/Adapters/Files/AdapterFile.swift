internal import Files
internal import Glibc
internal import Tensors

/// One open file of an adapter's folder. It is read with `pread` into memory of our own, never mapped: another process may
/// truncate it while it is read.
final class AdapterFile: Sendable {
    static let configuration = "adapter_config.json"
    static let weights = "adapter_model.safetensors"
    /// Which shard has which tensor, where the weights are in several files.
    static let weightsIndex = "adapter_model.safetensors.index.json"
    static let weightsEnding = ".safetensors"
    /// The pickles that PEFT once wrote.
    static let pickleEndings = [".bin", ".pt", ".pth"]
    static let pickles = pickleEndings.map { "adapter_model" + $0 }

    static let template = "chat_template.jinja"
    static let templateJSON = "chat_template.json"
    /// A folder of further templates, each in a file of its name.
    static let namedTemplates = "additional_chat_templates"
    static let tokenizer = "tokenizer_config.json"
    /// Names the tokens of an enlarged vocabulary; older tools write the second.
    static let vocabulary = "tokenizer.json"
    static let addedTokens = "added_tokens.json"
    static let specialTokens = "special_tokens_map.json"
    static let generation = "generation_config.json"

    /// A LoRA file of llama.cpp may have any name.
    static let ggufEnding = ".gguf"

    static func isGGUF(_ name: String) -> Bool { !name.hasPrefix(".") && name.lowercased().hasSuffix(ggufEnding) }

    /// A file of weights that the index may name.
    static func isShard(_ name: String) -> Bool { !name.hasPrefix(".") && name.hasSuffix(weightsEnding) && name != weights }

    /// A path that leads to a file: its folder and name; nil for a folder, and for what is not there.
    static func lone(_ path: String) -> (folder: String, name: String)? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        return (String(path[...slash]), String(path[path.index(after: slash)...]))
    }

    /// The files of known names that decide what an adapter does, and what is said when it does nothing.
    static let decisive =
        [
            configuration, weights, weightsIndex, template, templateJSON, "\(namedTemplates)/tool_use.jinja", tokenizer, specialTokens,
            generation, vocabulary, addedTokens,
        ] + pickles

    let name: String
    private let file: RegularFile

    init(name: String, _ file: RegularFile) {
        self.name = name
        self.file = file
    }

    /// As it was when the file was opened.
    var stamp: FileStamp { file.stamp }
    var size: Int { file.size }

    /// The whole file. Errors: `limitExceeded`, `io`, and `notReady` when it changes meanwhile.
    func contents(limit: Int) throws(AdapterError) -> [UInt8] {
        let bytes = try AdapterError.converting(file: name) { () throws(FileError) in try file.contents(limitBytes: limit) }
        try checkUnchanged()
        return bytes
    }

    /// The first bytes, as many as there are.
    func first(_ count: Int) throws(AdapterError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: min(count, size))
        try bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(AdapterError) in try read(into: buffer, at: 0) }
        }.get()
        return bytes
    }

    /// The first bytes, or all, as a file that others can take apart; what was not read is zero and takes no memory.
    func copy(first count: Int) throws(AdapterError) -> MappedFile {
        try memory(size: size, filled: count) { (buffer) throws(AdapterError) in
            try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(count)), at: 0)
        }
    }

    /// Memory that `fill` writes into, as if it were a file; what it leaves alone is zero and takes none. Of the first `filled`
    /// bytes all will be written. Errors: those of `fill`; `unavailable` when there is no memory.
    func memory(
        size: Int, filled: Int = 0, _ fill: (UnsafeMutableRawBufferPointer) throws(AdapterError) -> Void
    ) throws(AdapterError) -> MappedFile {
        var failure: AdapterError?
        do throws(MappedFileError) {
            return try MappedFile(path: name, size: size, filled: filled) { (buffer) throws(MappedFileError) in
                do throws(AdapterError) {
                    try fill(buffer)
                } catch {
                    failure = error
                    throw MappedFileError(name, error.message)
                }
            }
        } catch {
            throw failure ?? AdapterError(.unavailable, error.message, file: name)
        }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(AdapterError) {
        try AdapterError.converting(file: name) { () throws(FileError) in try file.read(into: buffer, at: offset) }
    }

    /// Throws `notReady` when the file is not what it was when it was opened.
    func checkUnchanged() throws(AdapterError) {
        try AdapterError.converting(file: name) { () throws(FileError) in try file.checkUnchanged() }
    }
}
