internal import Glibc

/// Whether two strings hold the same UTF-8 bytes. (`==` on `String` also equates canonically equivalent spellings.)
func sameBytes(_ left: String, _ right: String) -> Bool {
    let equal = left.utf8.withContiguousStorageIfAvailable { left in
        right.utf8.withContiguousStorageIfAvailable { right in
            guard left.count == right.count else { return false }
            guard let leftBytes = left.baseAddress, let rightBytes = right.baseAddress else { return true }
            return memcmp(leftBytes, rightBytes, left.count) == 0
        }
    }
    return (equal ?? nil) ?? left.utf8.elementsEqual(right.utf8)
}

/// A hash of the UTF-8 bytes with a seed of this process, so that a hostile document cannot choose keys that collide.
func byteHash(_ text: String) -> Int {
    var hasher = Hasher()
    let hashed: Void? = text.utf8.withContiguousStorageIfAvailable { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    if hashed == nil { for byte in text.utf8 { hasher.combine(byte) } }
    return hasher.finalize()
}
