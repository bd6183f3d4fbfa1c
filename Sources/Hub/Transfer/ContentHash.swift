internal import CCrypto

/// The hash of a file's content, computed as it comes: SHA-256, or the SHA-1 of git's blob, by the length of the name that is expected.
package final class ContentHash {
    private let context: OpaquePointer
    private let size: Int
    private let isGit: Bool

    /// - Parameter name: 40 or 64 hexadecimal digits.
    /// - Parameter size: of the whole content, which git's hash begins with.
    package init(like name: String, size: Int) {
        guard let context = EVP_MD_CTX_new() else { preconditionFailure("no memory for the state of a hash") }
        self.context = context
        self.size = size
        isGit = name.utf8.count == 40
        restart()
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Forgets what was added.
    package func restart() {
        let isBegun = EVP_DigestInit_ex(context, isGit ? EVP_sha1() : EVP_sha256(), nil) == 1
        precondition(isBegun, "libcrypto begins no hash")
        guard isGit else { return }
        let header = Array("blob \(size)\0".utf8)
        header.withUnsafeBytes { add($0) }
    }

    package func add(_ bytes: UnsafeRawBufferPointer) {
        let isAdded = EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1
        precondition(isAdded, "libcrypto adds nothing to a hash")
    }

    /// Of all that was added, in hexadecimal. Ends the hash: add nothing after it without `restart`.
    package func finish() -> String {
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        let isEnded = EVP_DigestFinal_ex(context, &digest, &count) == 1
        precondition(isEnded, "libcrypto ends no hash")
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: digest.prefix(Int(count)).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// In one call.
    package static func of(_ bytes: [UInt8], like name: String) -> String {
        let hash = ContentHash(like: name, size: bytes.count)
        bytes.withUnsafeBytes { hash.add($0) }
        return hash.finish()
    }
}
