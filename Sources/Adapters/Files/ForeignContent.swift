internal import Files

/// What a file holds in place of what its name says: a pointer of Git LFS, a web page, an archive. For messages about files that
/// cannot be read.
enum ForeignContent {
    /// Bytes that tell.
    static let firstBytes = 512

    /// By what a file begins with.
    private static let marks: [(bytes: [UInt8], code: AdapterError.Code, what: String)] = [
        (Array("version https://git-lfs.github.com/spec/".utf8), .malformed, "a Git LFS pointer, not the file itself: run `git lfs pull`, or download the file"),
        ([0x50, 0x4B, 0x03, 0x04], .pickle, "a zip archive: unpack it; if torch.save wrote it, it is a pickle, for scripts/convert-pickle"),
        ([0x1F, 0x8B], .malformed, "a gzip archive: unpack it"),
        (Array("BZh".utf8), .malformed, "a bzip2 archive: unpack it"),
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A], .malformed, "an xz archive: unpack it"),
        ([0x28, 0xB5, 0x2F, 0xFD], .malformed, "a zstd archive: unpack it"),
        ([0x37, 0x7A, 0xBC, 0xAF], .malformed, "a 7z archive: unpack it"),
        (Array("Rar!".utf8), .malformed, "a RAR archive: unpack it"),
        (Array("GGUF".utf8), .malformed, "a GGUF file: let its name end in .gguf, and put no adapter_config.json beside it"),
        ([0x89, 0x48, 0x44, 0x46], .malformed, "an HDF5 file, which is not read here"),
        ([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59], .malformed, "a NumPy array, which is not read here"),
        ([0xFF, 0xFE], .malformed, "UTF-16 text: save it as UTF-8"),
        ([0xFE, 0xFF], .malformed, "UTF-16 text: save it as UTF-8"),
    ]

    /// The same for texts of any kind, of which only a pointer of Git LFS and UTF-16 can be told.
    static func pointer(_ bytes: [UInt8], expected: String, file: String) -> AdapterError? {
        let isForeign = marks.contains { mark in bytes.starts(with: mark.bytes) && (mark.what.contains("LFS") || mark.what.contains("UTF-16")) }
        return isForeign ? error(bytes, expected: expected, isText: true, file: file) : nil
    }

    /// The error that names what the file is; nil for content of no known kind.
    /// - Parameters:
    ///   - expected: what the name promises, such as `safetensors`
    ///   - isText: whether a text was expected: then another text is nothing foreign
    static func error(_ bytes: some Collection<UInt8>, expected: String, isText: Bool, file: String) -> AdapterError? {
        let first = Array(bytes.prefix(firstBytes))
        func error(_ code: AdapterError.Code, _ what: String) -> AdapterError {
            AdapterError(code, "expected \(expected), found \(what)", file: file)
        }
        if let mark = marks.first(where: { first.starts(with: $0.bytes) }) { return error(mark.code, mark.what) }
        // Every second byte of ASCII is zero.
        if isText, first.count >= 4, first[0] != 0, first[1] == 0, first[2] != 0, first[3] == 0 {
            return error(.malformed, "UTF-16 text: save it as UTF-8")
        }
        if first.count >= 2, first[0] == 0x80, (2...5).contains(first[1]) { return error(.pickle, "a pickle, for scripts/convert-pickle") }
        if first.count >= 262, first[257..<262].elementsEqual("ustar".utf8) { return error(.malformed, "a tar archive: unpack it") }
        let text = ByteOrderMark.skipped(first).drop { $0 == 0x20 || (0x09...0x0D).contains($0) }
        if text.first == UInt8(ascii: "<") {
            return error(.malformed, "a web page (HTML) or XML, such as a login or error page in place of a download: download the file itself")
        }
        guard !isText, !text.isEmpty, text.allSatisfy({ (0x20..<0x7F).contains($0) || (0x09...0x0D).contains($0) || $0 >= 0x80 }) else { return nil }
        let shown = String(decoding: text.prefix(40), as: UTF8.self)
        return error(.malformed, "text that begins with \(quoted(shown))")
    }
}
