import Tensors
import Testing
import Weights

@Suite struct GGUFTests {
    private let folder: ScratchFolder
    init() throws { folder = try ScratchFolder() }

    private func open(_ bytes: GGUFBytes, limits: GGUFLimits = .init()) throws -> GGUFFile {
        try GGUFFile.open(try folder.write(bytes.bytes), limits: limits)
    }

    @Test func valuesAndTensorsAreRead() throws {
        let file = try open(.sample())
        #expect(try file.metadata.architecture == "llama")
        #expect(try file.metadata.int("count") == 30)
        #expect(try file.metadata.int("negative") == -5)
        #expect(try file.metadata.bool("yes"))
        #expect(try file.metadata.strings("words") == ["a", "é"])
        #expect(file.tensorNames == ["norm", "matrix"])
        #expect(try file.tensor("norm").floats() == [1, 2, 3])
        #expect(try file.tensor("matrix", shape: [2, 32]).dtype == .q4_1)
    }

    @Test func arraysOfBooleansAreRead() throws {
        var bytes = GGUFBytes(tensors: 0, pairs: 2)
        bytes.pair("flags", type: 9) {
            $0.put(UInt32(7))
            $0.put(UInt64(3))
            for flag in [1, 0, 1] as [UInt8] { $0.put(flag) }
        }
        bytes.pair("count", type: 4) { $0.put(UInt32(3)) }
        bytes.pad()
        let metadata = try open(bytes).metadata
        #expect(try metadata.optionalBools("flags") == [true, false, true])
        #expect(try metadata.optionalBools("absent") == nil)
        #expect(failure { try metadata.optionalBools("count") }?.code == .wrongType)
    }

    @Test func lookupsNameTheKeyAndWhatWasFound() throws {
        let file = try open(.sample())
        let missing = failure { try file.metadata.int("absent") }
        #expect(missing?.code == .missingKey)
        #expect(missing?.key == "absent")
        let wrong = failure { try file.metadata.string("count") }
        #expect(wrong?.code == .wrongType)
        #expect(wrong?.message == "expected a string, found an integer")
        #expect(failure { try file.metadata.int("count", in: 1...8) }?.code == .malformed)
        #expect(failure { try file.metadata.ints("nested") }?.code == .wrongType)
        #expect(failure { try file.tensor("nrom") }?.code == .missingTensor)
        #expect(failure { try file.tensor("norm", shape: [4]) }?.code == .wrongShape)
    }

    @Test func aFileCutAnywhereIsTruncated() throws {
        let whole = GGUFBytes.sample().bytes
        for count in 0..<whole.count {
            let path = try folder.write(Array(whole[..<count]))
            let error = failure { try GGUFFile.open(path) }
            #expect(error?.code == .truncated, "\(count) of \(whole.count) bytes: \(String(describing: error))")
            #expect(error?.file == path)
        }
    }

    @Test func otherMagicsAndVersionsAreRefused() throws {
        #expect(failure { try GGUFFile.open(try folder.write(Array("ggjt0123".utf8))) }?.code == .malformed)
        #expect(failure { try open(GGUFBytes(version: 1, tensors: 0, pairs: 0)) }?.code == .unsupported)
        let swapped = failure { try open(GGUFBytes(version: UInt32(3).byteSwapped, tensors: 0, pairs: 0)) }
        #expect(swapped?.message.contains("big-endian") == true)
        #expect(failure { try GGUFFile.open("\(folder.path)/absent") }?.code == .notFound)
        #expect(failure { try GGUFFile.open(folder.path) }?.code == .unreadable)
    }

    @Test(arguments: [UInt64.max, 1 << 63, 1 << 40])
    func hostileCountsAndLengthsAreRefused(value: UInt64) throws {
        #expect(failure { try open(GGUFBytes(tensors: value, pairs: 0)) }?.code == .limitExceeded)
        #expect(failure { try open(GGUFBytes(tensors: 0, pairs: value)) }?.code == .limitExceeded)
        var key = GGUFBytes(tensors: 0, pairs: 1)
        key.put(value)
        #expect(failure { try open(key) }?.code == .limitExceeded)
        var array = GGUFBytes(tensors: 0, pairs: 1)
        array.pair("k", type: 9) {
            $0.put(UInt32(10))
            $0.put(value)
        }
        let error = failure { try open(array) }
        #expect(error?.code == .limitExceeded)
        #expect(error?.key == "\"k\"")
        var tensor = GGUFBytes(tensors: 1, pairs: 0)
        tensor.tensor("t", [1], type: 0, offset: value & ~31)
        tensor.pad()
        #expect(failure { try open(tensor) }?.tensor == "t")
    }

    @Test func aTensorIsCheckedBeforeItIsUsed() throws {
        func code(_ dimensions: [UInt64], type: UInt32, offset: UInt64 = 0) -> WeightsError.Code? {
            failure {
                var file = GGUFBytes(tensors: 1, pairs: 0)
                file.tensor("t", dimensions, type: type, offset: offset)
                file.pad()
                file.bytes += [UInt8](repeating: 0, count: 64)
                return try open(file)
            }?.code
        }
        #expect(code([1 << 40, 1 << 40], type: 0) == .malformed, "the product overflows")
        #expect(code([31], type: 2) == .malformed, "no whole block")
        #expect(code([1, 1, 1, 1, 1], type: 0) == .malformed, "five dimensions")
        #expect(code([1], type: 0, offset: 4) == .malformed, "not aligned")
        #expect(code([17], type: 0) == .truncated)
        #expect(code([256], type: 16) == .unsupported, "iq2_xxs")
        #expect(code([1], type: 99) == .malformed)
    }

    @Test func namesAndPlacesAreTakenOnce() throws {
        var keys = GGUFBytes(tensors: 0, pairs: 2)
        for _ in 0..<2 { keys.pair("k", type: 0) { $0.put(UInt8(1)) } }
        #expect(failure { try open(keys) }?.code == .duplicate)
        func two(_ second: String, offset: UInt64) -> WeightsError? {
            failure {
                var file = GGUFBytes(tensors: 2, pairs: 0)
                file.tensor("one", [16], type: 0, offset: 0)
                file.tensor(second, [8], type: 0, offset: offset)
                file.pad()
                file.bytes += [UInt8](repeating: 0, count: 128)
                return try open(file)
            }
        }
        #expect(two("one", offset: 64)?.code == .duplicate)
        #expect(two("two", offset: 32)?.message.contains("overlaps") == true)
    }

    @Test func arraysInArraysAreLimited() throws {
        var file = GGUFBytes(tensors: 0, pairs: 1)
        file.pair("deep", type: 9) {
            for _ in 0..<10_000 {
                $0.put(UInt32(9))
                $0.put(UInt64(1))
            }
        }
        #expect(failure { try open(file) }?.code == .limitExceeded)
    }

    @Test(arguments: [0, 3, 1 << 21] as [UInt32])
    func anAlignmentThatIsNoneIsRefused(alignment: UInt32) throws {
        var file = GGUFBytes(tensors: 0, pairs: 1)
        file.pair("general.alignment", type: 4) { $0.put(alignment) }
        #expect(failure { try open(file) }?.key == "general.alignment")
    }

    @Test func mutatedFilesAreReadOrRefused() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed)
        let sample = GGUFBytes.sample().bytes
        var refused = 0
        for _ in 0..<2_000 {
            var bytes = sample
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                bytes[place] = Bool.random(using: &generator) ? 0xFF : UInt8.random(in: 0...255, using: &generator)
            }
            let path = try folder.write(bytes)
            do throws(WeightsError) {
                let file = try GGUFFile.open(path)
                for view in file.tensors.values where view.dtype.isFloatingPoint { _ = view.floats() }
                _ = try? file.metadata.strings("words")
            } catch {
                refused += 1
                #expect(error.file == path, "seed \(seed)")
            }
        }
        #expect(refused > 100, "seed \(seed): mutations are noticed")
    }
}
