public import Tensors
internal import Weights

/// The tensors of an adapter, named and shaped as PEFT writes them, whatever kind of file they come from.
public struct AdapterWeights: Sendable {
    /// By name. Elements are zero where only the header was read; `AdapterElements` reads them.
    public let tensors: [String: TensorView]
    /// Of the file on disk.
    public let fileBytes: Int
    /// What the views lie in: a copy of the file, or memory that is laid out as a PEFT file would be.
    private let memory: MappedFile
    /// The file up to its elements: names, shapes and what else it says.
    private let headerFile: MappedFile
    private let headerBytes: Int
    /// Where the elements are in the file, and how they lie there, by their place in `memory`; empty: at the same place, as
    /// they are.
    private let stored: [Int: StoredTensor]

    init(_ file: SafetensorsFile) {
        tensors = file.tensors
        fileBytes = file.file.size
        memory = file.file
        headerFile = file.file
        headerBytes = file.dataOffset
        stored = [:]
    }

    /// Tensors of a file of another kind, laid out one after the other. Errors: those of reading, when elements are wanted.
    init(
        _ tensors: [(name: String, stored: StoredTensor)], of file: AdapterFile, header: MappedFile, headerBytes: Int,
        depth: AdapterContent.Depth
    ) throws(AdapterError) {
        var places: [Int: StoredTensor] = [:]
        var size = 0
        for (_, stored) in tensors {
            places[size] = stored
            size += stored.room
        }
        let memory = try file.memory(size: size) { (buffer) throws(AdapterError) in
            guard case .everything = depth, let base = buffer.baseAddress else { return }
            for (place, stored) in places { try stored.read(from: file, into: base + place) }
        }
        var views: [String: TensorView] = [:]
        var place = 0
        for (name, stored) in tensors {
            views[name] = TensorView(name: name, dtype: stored.dtype, shape: stored.shape, file: memory, offset: place)
            place += stored.room
        }
        self.tensors = views
        fileBytes = file.size
        self.memory = memory
        headerFile = header
        self.headerBytes = headerBytes
        self.stored = places
    }

    /// To be hashed; valid as long as this value lives.
    var header: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: headerFile.bytes.prefix(headerBytes)) }

    /// Where a tensor's elements begin in `memory`.
    func place(of view: TensorView) -> Int {
        guard let element = view.bytes.baseAddress, let start = memory.bytes.baseAddress else { return 0 }
        return element - start
    }

    /// Brings the elements of one tensor from the file into room for `view.byteCount` bytes. Errors: `io`, and `notReady` when
    /// the file became shorter.
    func read(_ view: TensorView, from file: AdapterFile, into target: UnsafeMutableRawPointer) throws(AdapterError) {
        let place = place(of: view)
        if let stored = stored[place] { return try stored.read(from: file, into: target) }
        try file.read(into: UnsafeMutableRawBufferPointer(start: target, count: view.byteCount), at: place)
    }
}
