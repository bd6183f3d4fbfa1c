import Foundation

/// `Fixtures/hashes.txt`: a length and the hash of the message of that length, a line each.
enum HashVectors {
    struct Vector: Sendable {
        var length: Int
        var hash: String
    }

    /// The bytes 0, 1, 2, … 250, 0, 1, … of the reference's own vectors.
    static func message(_ length: Int) -> [UInt8] { (0..<length).map { UInt8($0 % 251) } }

    static func read() -> [Vector] {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures/hashes.txt")
        guard let text = try? String(contentsOf: path, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: " ")
            guard parts.count == 2, let length = Int(parts[0]) else { return nil }
            return Vector(length: length, hash: String(parts[1]))
        }
    }
}
