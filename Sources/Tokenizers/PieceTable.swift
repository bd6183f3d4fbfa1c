/// Byte strings behind each other, found by their number.
struct ByteStrings: Sendable {
    private let storage: [UInt8]
    /// String `i` ends where `i + 1` starts.
    private let starts: [Int]

    init(_ strings: some Collection<[UInt8]>) {
        var storage: [UInt8] = []
        var starts = [0]
        starts.reserveCapacity(strings.count + 1)
        for string in strings {
            storage += string
            starts.append(storage.count)
        }
        self.storage = storage
        self.starts = starts
    }

    var count: Int { starts.count - 1 }

    /// Empty outside the table.
    subscript(index: Int) -> ArraySlice<UInt8> {
        index >= 0 && index < count ? storage[starts[index]..<starts[index + 1]] : []
    }

    func equals(_ index: Int, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let start = starts[index]
        guard starts[index + 1] - start == bytes.count else { return false }
        return storage.withUnsafeBufferPointer { stored in
            for offset in 0..<bytes.count where stored[start + offset] != bytes[offset] { return false }
            return true
        }
    }
}

/// The byte strings of a vocabulary, by id and back. Compared byte by byte: two spellings that Unicode calls equivalent
/// are two pieces. An empty string is no piece: it marks an id that is free.
struct PieceTable: Sendable {
    private let strings: ByteStrings
    /// Open addressing, a power of two in size, at most half full; -1 is free.
    private let slots: [Int32]

    /// The last of equal pieces is the one that is found.
    init(_ pieces: [[UInt8]]) {
        let strings = ByteStrings(pieces)
        var size = 16
        while size < pieces.count * 2 { size *= 2 }
        var slots = [Int32](repeating: -1, count: size)
        for (id, piece) in pieces.enumerated() where !piece.isEmpty {
            piece.withUnsafeBufferPointer { piece in
                var slot = Self.hash(piece) & (size - 1)
                while slots[slot] >= 0, !strings.equals(Int(slots[slot]), piece) { slot = (slot + 1) & (size - 1) }
                slots[slot] = Int32(id)
            }
        }
        self.strings = strings
        self.slots = slots
    }

    /// Free ids included.
    var count: Int { strings.count }

    /// The bytes of an id, empty outside the table.
    subscript(id: Int) -> ArraySlice<UInt8> { strings[id] }

    /// Cost: `O(bytes)`.
    func id(of piece: UnsafeBufferPointer<UInt8>) -> Int32? {
        guard !piece.isEmpty else { return nil }
        var slot = Self.hash(piece) & (slots.count - 1)
        while slots[slot] >= 0 {
            if strings.equals(Int(slots[slot]), piece) { return slots[slot] }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    func id(of piece: [UInt8]) -> Int32? { piece.withUnsafeBufferPointer { id(of: $0) } }

    func id(of piece: String) -> Int32? {
        var piece = piece
        return piece.withUTF8 { id(of: $0) }
    }

    /// Seeded a process, so that a stranger's vocabulary cannot choose pieces that collide.
    private static func hash(_ piece: UnsafeBufferPointer<UInt8>) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: UnsafeRawBufferPointer(piece))
        return hasher.finalize()
    }
}
