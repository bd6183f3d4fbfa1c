import Foundation
import Testing
import Weights

/// A folder of its own, deleted with the last reference.
final class ScratchFolder {
    let path: String

    init() throws {
        path = URL.temporaryDirectory.appending(path: "weights-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Puts a file there and answers its path.
    func write(_ bytes: [UInt8], as name: String = "file") throws -> String {
        try Data(bytes).write(to: URL(filePath: "\(path)/\(name)"))
        return "\(path)/\(name)"
    }
}

/// The error that `body` throws; an issue is recorded when it throws none.
func failure(_ body: () throws -> some Any, sourceLocation: SourceLocation = #_sourceLocation) -> WeightsError? {
    do {
        _ = try body()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
    } catch let error as WeightsError {
        return error
    } catch {
        Issue.record(error, sourceLocation: sourceLocation)
    }
    return nil
}

/// xorshift64*: the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(_ seed: UInt64) { state = seed | 1 }

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }
}
