import Foundation
import Tensors
import Testing
import Weights

@Suite struct SafetensorsTests {
    private let folder: ScratchFolder
    init() throws { folder = try ScratchFolder() }

    private func file(_ header: String, data: Int = 0, name: String = "file") throws -> String {
        let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
        return try folder.write(length + Array(header.utf8) + [UInt8](repeating: 0, count: data), as: name)
    }

    private func view(_ name: String, _ values: [Float], shape: [Int]? = nil) throws -> TensorView {
        try #require(
            values.withUnsafeBytes { TensorView(name: name, dtype: .f32, shape: shape ?? [values.count], copying: $0) })
    }

    private func code(_ header: String, data: Int = 0) -> WeightsError.Code? {
        failure { try SafetensorsFile.open(try file(header, data: data)) }?.code
    }

    @Test func whatIsWrittenIsReadBack() throws {
        let bytes: [UInt8] = [1, 0, 1]
        let flags = try #require(
            bytes.withUnsafeBytes { TensorView(name: "flags", dtype: .bool, shape: [3], copying: $0) })
        let path = "\(folder.path)/out.safetensors"
        try SafetensorsWriter.write(
            [flags, view("é\"\\", [1, -2, 3, 4], shape: [2, 2]), view("empty", [])], metadata: ["format": "pt"], to: path)
        let file = try SafetensorsFile.open(path)
        #expect(file.metadata == ["format": "pt"])
        #expect(file.tensors.count == 3)
        #expect(try file.tensor("é\"\\", shape: [2, 2]).floats() == [1, -2, 3, 4])
        #expect(try file.tensor("flags").withUnsafeBytes { Array($0) } == bytes)
        #expect(file.dataOffset % 8 == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["out.safetensors"])
    }

    @Test func whatCannotBeWrittenLeavesNothing() throws {
        let blocks = try #require(
            [UInt8](repeating: 0, count: 18).withUnsafeBytes {
                TensorView(name: "q", dtype: .q4_0, shape: [32], copying: $0)
            })
        let path = "\(folder.path)/out"
        #expect(failure { try SafetensorsWriter.write([blocks], to: path) }?.code == .unsupported)
        let twice = try view("t", [1])
        #expect(failure { try SafetensorsWriter.write([twice, twice], to: path) }?.code == .duplicate)
        #expect(failure { try SafetensorsWriter.write([twice], to: "\(path)/no/folder") }?.code == .unwritable)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    @Test func aFileCutAnywhereIsTruncated() throws {
        let path = "\(folder.path)/whole"
        try SafetensorsWriter.write([view("a", [1, 2]), view("b", [3])], metadata: ["k": "v"], to: path)
        let whole = [UInt8](try Data(contentsOf: URL(filePath: path)))
        for count in 0..<whole.count {
            let error = failure { try SafetensorsFile.open(try folder.write(Array(whole[..<count]))) }
            #expect(error?.code == .truncated, "\(count) of \(whole.count) bytes: \(String(describing: error))")
        }
        #expect(failure { try SafetensorsFile.open(try folder.write(whole + [0])) }?.code == .malformed)
    }

    @Test func hostileHeaderLengthsAreRefused() throws {
        for length in [UInt64.max, 1 << 63, 1 << 40] {
            let bytes = withUnsafeBytes(of: length.littleEndian) { Array($0) }
            #expect(failure { try SafetensorsFile.open(try folder.write(bytes)) }?.code == .limitExceeded)
        }
        #expect(code("") == .malformed)
        #expect(code("[]") == .malformed)
        #expect(code("{") == .malformed)
        #expect(code("{\"a\":" + String(repeating: "[", count: 10_000)) == .malformed)
    }

    @Test func entriesAreCheckedBeforeTheyAreUsed() {
        #expect(code(#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, data: 4) == .malformed)
        #expect(code(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, data: 4) == .malformed)
        #expect(code(#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, data: 4) == .malformed)
        #expect(code(#"{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}"#, data: 4) == .malformed)
        #expect(code(#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}}"#, data: 4) == .malformed)
        #expect(code(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}"#, data: 4) == .malformed)
        #expect(code(#"{"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}"#, data: 4) == .unsupported)
        #expect(code(#"{"a":{"shape":[1],"data_offsets":[0,4]}}"#, data: 4) == .malformed)
        #expect(code(#"{"a":7}"#) == .malformed)
        #expect(code(#"{"__metadata__":{"k":1}}"#) == .malformed)
        let many = String(repeating: "1,", count: 16) + "1"
        #expect(code(#"{"a":{"dtype":"F32","shape":[\#(many)],"data_offsets":[0,4]}}"#, data: 4) == .limitExceeded)
    }

    @Test func tensorsCoverTheDataOnceAndHaveOneNameEach() {
        let a = #""dtype":"F32","shape":[1],"data_offsets""#
        #expect(code(#"{"a":{\#(a):[0,4]},"b":{\#(a):[8,12]}}"#, data: 12) == .malformed, "a gap")
        #expect(code(#"{"a":{\#(a):[0,4]},"b":{\#(a):[2,6]}}"#, data: 6) == .malformed, "an overlap")
        #expect(code(#"{"a":{\#(a):[0,4]},"a":{\#(a):[0,4]}}"#, data: 4) == .duplicate)
        #expect(code(#"{"a":{\#(a):[0,4]},"\u0061":{\#(a):[0,4]}}"#, data: 4) == .duplicate, "an escaped spelling")
        #expect(code(#"{"a":{"dtype":"F16",\#(a):[0,4]}}"#, data: 4) == .duplicate, "a field twice")
    }

    /// A plain header is read by a parser of its own: what it takes, and what it leaves to JSON, has to be the same.
    @Test func aHeaderIsReadAlikeHoweverItIsSpelled() throws {
        let metadata = #""__metadata__":{"format":"pt","a":"b"}"#
        let a = #""a.b":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}"#
        let b = #""c":{"dtype":"BF16","shape":[],"data_offsets":[8,10]}"#
        for members in [[metadata, a, b], [b, a, metadata]] {
            let plain = "{\(members.joined(separator: ","))}"
            for header in [
                plain, plain + "   ", plain.replacing(",", with: ", "), plain.replacing(":", with: " :"),
                plain.replacing("c", with: "\\u0063"), plain.replacing(#""dtype":"F32","shape":[1,2]"#, with: #""shape":[1,2],"dtype":"F32""#),
            ] {
                let file = try SafetensorsFile.open(try file(header, data: 10))
                #expect(file.metadata == ["format": "pt", "a": "b"], "\(header)")
                #expect(file.tensors.mapValues(\.shape) == ["a.b": [1, 2], "c": []], "\(header)")
                #expect(file.tensors.mapValues(\.dtype) == ["a.b": .f32, "c": .bf16], "\(header)")
            }
        }
        // None of these is a header, plain or not.
        let c = #""c":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}"#
        for header in [
            "{\(c),\(c)}", "{\(c),}", "{\(c)", "{\(c)}}", "{\(c)} x", "{,\(c)}", "{\(c.replacing("[2]", with: "[02]"))}",
            "{\(c.replacing("[2]", with: "[-2]"))}", "{\(c.replacing("[2]", with: "[2,]"))}", "{\(c.replacing("[2]", with: "[99999999999999999999]"))}",
            "{\(c.replacing("[2]", with: "[2"))}", "{\(c.replacing("U8", with: "X8"))}", "{\(c.replacing("shape", with: "dtype"))}",
            "{\(c.replacing("[0,2]", with: "[0]"))}", #"{"__metadata__":{"a":"b","a":"c"},\#(c)}"#, #"{"__metadata__":{"a":1},\#(c)}"#,
        ] { #expect(code(header, data: 2) != nil, "\(header)") }
    }

    @Test func mutatedFilesAreReadOrRefused() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed)
        let path = "\(folder.path)/whole"
        try SafetensorsWriter.write([view("a", [1, 2]), view("b", [3])], metadata: ["k": "v"], to: path)
        let whole = [UInt8](try Data(contentsOf: URL(filePath: path)))
        var refused = 0
        for _ in 0..<2_000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                bytes[place] = UInt8.random(in: 0...255, using: &generator)
            }
            let mutated = try folder.write(bytes)
            do throws(WeightsError) {
                let file = try SafetensorsFile.open(mutated)
                for view in file.tensors.values where view.dtype.isFloatingPoint { _ = view.floats() }
            } catch {
                refused += 1
                #expect(error.file == mutated, "seed \(seed)")
            }
        }
        #expect(refused > 100, "seed \(seed): mutations are noticed")
    }

    // MARK: Shards

    private func writeShards(_ weightMap: String) throws {
        try SafetensorsWriter.write([view("a", [1])], to: "\(folder.path)/one.safetensors")
        try SafetensorsWriter.write([view("b", [2])], to: "\(folder.path)/two.safetensors")
        _ = try folder.write(Array("{\"weight_map\":\(weightMap)}".utf8), as: "model.safetensors.index.json")
    }

    @Test func shardsAreReadAsOneModel() throws {
        try writeShards(#"{"a":"one.safetensors","b":"two.safetensors"}"#)
        let model = try SafetensorsFolder.open(folder.path)
        #expect(model.files.count == 2)
        #expect(try model.tensor("b").floats() == [2])
        #expect(failure { try model.tensor("c") }?.code == .missingTensor)
    }

    @Test(arguments: [
        (#"{"a":"one.safetensors"}"#, nil), (#"{"a":"two.safetensors","b":"two.safetensors"}"#, .missingTensor),
        (#"{"a":"two.safetensors","b":"one.safetensors"}"#, .duplicate),
        (#"{"a":"one.safetensors","b":"two.safetensors","c":"two.safetensors"}"#, .missingTensor),
        (#"{"a":"one.safetensors","x":"two.safetensors"}"#, .malformed),
        (#"{"a":"one.safetensors","b":"three.safetensors"}"#, .notFound),
        (#"{"a":"../one.safetensors"}"#, .malformed), (#"{"a":"/etc/one.safetensors"}"#, .malformed),
        (#"{"a":"one.bin"}"#, .malformed), (#"{"a":1}"#, .malformed), ("{}", .malformed),
        (#"{"a":"#, .truncated),
    ] as [(String, WeightsError.Code?)])
    func anIndexThatDoesNotFitIsRefused(weightMap: String, expected: WeightsError.Code?) throws {
        try writeShards(weightMap)
        guard let expected else {
            #expect(try SafetensorsFolder.open(folder.path).tensors.count == 1)
            return
        }
        #expect(failure { try SafetensorsFolder.open(folder.path) }?.code == expected)
    }

    @Test func anEmptyFolderSaysWhatIsMissing() {
        let error = failure { try SafetensorsFolder.open(folder.path) }
        #expect(error?.code == .notFound)
        #expect(error?.message.contains("model.safetensors.index.json") == true)
    }
}
