internal import Files

/// The files of a folder that decide what its adapter does, as they are on disk. Equal fingerprints: nothing to read again.
struct FolderFingerprint: Sendable, Hashable {
    /// By the file's name; a file that is not there is not in it.
    var stamps: [String: FileStamp] = [:]

    /// Files of llama.cpp, sorted.
    var ggufFiles: [String] { stamps.keys.filter(AdapterFile.isGGUF).sorted() }

    /// Whether a file changed less than `milliseconds` ago. A time in the future (a clock set back) does not count.
    func isSettling(within milliseconds: Int, now: Int64) -> Bool {
        stamps.values.contains { stamp in
            let age = now &- stamp.changedNanoseconds
            return age >= 0 && age < Int64(milliseconds) * 1_000_000
        }
    }
}
