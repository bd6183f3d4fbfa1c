public import Tensors
internal import Weights

/// The tensors of an adapter, named and shaped as PEFT writes them, whatever kind of files they come from.
public struct AdapterWeights: Sendable {
    /// By name. Elements are zero where only headers were read; `AdapterElements` reads them.
    public let tensors: [String: TensorView]
    /// Of the files on disk.
    public let fileBytes: Int
    /// What the tensors are read from.
    private let files: [AdapterFile]
    /// What the views lie in: a copy of the file, or memory that is laid out as a PEFT file would be.
    private let memory: MappedFile
    /// The files up to their elements: names, shapes and what else they say.
    private let headers: [(file: MappedFile, byteCount: Int)]
    /// Where the elements are, and how they lie there, by their place in `memory`; empty: in the one file, at the same place, as
    /// they are.
    private let stored: [Int: StoredTensor]

    init(_ opened: SafetensorsFile, of file: AdapterFile) {
        tensors = opened.tensors
        fileBytes = opened.file.size
        files = [file]
        memory = opened.file
        headers = [(opened.file, opened.dataOffset)]
        stored = [:]
    }

    /// Tensors of several safetensors files, of which the headers were read. Errors: those of reading, when elements are wanted.
    init(shards: [(file: AdapterFile, opened: SafetensorsFile)], depth: AdapterContent.Depth) throws(AdapterError) {
        var tensors: [(name: String, stored: StoredTensor)] = []
        for (place, shard) in shards.enumerated() {
            for view in shard.opened.tensors.values.sorted(by: { $0.name < $1.name }) {
                let offset = shard.opened.offset(of: view) ?? shard.opened.dataOffset
                tensors.append(
                    (
                        view.name,
                        StoredTensor(
                            file: place, offset: offset, byteCount: view.byteCount, storedType: view.dtype, arrangement: .asIs, shape: view.shape)
                    ))
            }
        }
        try self.init(
            tensors, of: shards.map(\.file), headers: shards.map { ($0.opened.file, $0.opened.dataOffset) }, depth: depth)
    }

    /// Tensors that lie in other places or forms than in one safetensors file; they are laid out one after the other. Errors: those
    /// of reading, when elements are wanted.
    init(
        _ tensors: [(name: String, stored: StoredTensor)], of files: [AdapterFile], headers: [(file: MappedFile, byteCount: Int)],
        depth: AdapterContent.Depth
    ) throws(AdapterError) {
        var places: [Int: StoredTensor] = [:]
        var size = 0
        for (_, stored) in tensors where stored.room > 0 {
            places[size] = stored
            size += stored.room
        }
        let memory = try files[0].memory(size: size) { (buffer) throws(AdapterError) in
            guard case .everything = depth, let base = buffer.baseAddress else { return }
            for (place, stored) in places { try stored.read(from: files[stored.file], into: base + place) }
        }
        var views: [String: TensorView] = [:]
        var place = 0
        for (name, stored) in tensors {
            views[name] = TensorView(name: name, dtype: stored.dtype, shape: stored.shape, file: memory, offset: place)
            place += stored.room
        }
        self.tensors = views
        fileBytes = files.reduce(0) { $0 + $1.size }
        self.files = files
        self.memory = memory
        self.headers = headers
        self.stored = places
    }

    /// Of the headers, to be part of the version.
    var headerDigests: [ContentDigest] {
        headers.map { header in
            header.file.withUnsafeBytes { ContentDigest(of: UnsafeRawBufferPointer(rebasing: $0.prefix(header.byteCount))) }
        }
    }

    /// The file that has a tensor; the first one for nil and for a name that none has.
    func fileName(of tensor: String?) -> String {
        let place = tensor.flatMap { tensors[$0] }.flatMap { stored[self.place(of: $0)] }?.file ?? 0
        return files[place].name
    }

    /// Throws `notReady` when a file is not what it was when it was opened.
    func checkUnchanged() throws(AdapterError) {
        for file in files { try file.checkUnchanged() }
    }

    /// Where a tensor's elements begin in `memory`.
    func place(of view: TensorView) -> Int {
        guard let element = view.bytes.baseAddress, let start = memory.bytes.baseAddress else { return 0 }
        return element - start
    }

    /// Brings the elements of one tensor from the file into room for `view.byteCount` bytes. Errors: `io`, and `notReady` when
    /// the file became shorter.
    func read(_ view: TensorView, into target: UnsafeMutableRawPointer) throws(AdapterError) {
        let place = place(of: view)
        if let stored = stored[place] { return try stored.read(from: files[stored.file], into: target) }
        try files[0].read(into: UnsafeMutableRawBufferPointer(start: target, count: view.byteCount), at: place)
    }
}
