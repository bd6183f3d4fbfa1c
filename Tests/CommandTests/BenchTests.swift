import Foundation
import Testing

/// `lmoe bench` with few cases: what it measures is there, not how fast.
@Suite struct BenchTests {
    @Test func stepsAreMeasuredAgainstTheCeilings() throws {
        let run = try Invocation(
            "bench", "--json", "--only", "prefill,decode", "--prompt", "64", "--rows", "1,2", "--ranks", "2", "--mixtures", "3",
            "--tokens", "2", "--repeat", "1")
        #expect(run.status == 0, "\(run.errors)")
        let json = try run.json()
        let machine = try #require(json["machine"] as? [String: Any])
        for key in ["bytes_per_second", "int8_operations_per_second", "f32_operations_per_second"] {
            #expect(try #require(machine[key] as? Double) > 1e8)
        }
        let decode = try #require(json["decode"] as? [[String: Any]])
        #expect(decode.map { $0["adapter"] as? String } == [
                "base", "rank 2", "MixLoRA 2 of 8 rank 3", "base", "rank 2", "2 x rank 2", "MixLoRA 2 of 8 rank 3",
                "2 x MixLoRA 2 of 8 rank 3",
            ])
        for row in decode {
            #expect(try #require(row["seconds"] as? Double) > 0)
            #expect(try #require(row["predicted_seconds"] as? Double) > 0)
        }
        // One stream of the base reads all weights for its token; the adapter comes on top.
        let bytes = decode.compactMap { $0["bytes_per_token"] as? Double }
        let weights = try #require((json["model"] as? [String: Any])?["weight_bytes"] as? Double)
        #expect(bytes[0] > weights && bytes[1] > bytes[0] && bytes[2] > bytes[1] && bytes[3] < bytes[0])
        #expect((json["prefill"] as? [[String: Any]])?.count == 3)
        #expect((json["memory"] as? [Any])?.isEmpty == true)
    }

    @Test func firstTokensAndHTTPAreMeasuredAndNothingIsLeftBehind() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("lmoe-bench-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let run = try Invocation(
            "bench", "--json", "--quick", "--only", "latency,http,memory", environment: ["TMPDIR": folder.path])
        #expect(run.status == 0, "\(run.errors)")
        let json = try run.json()
        let latency = try #require(json["latency"] as? [String: Any])
        #expect((latency["first_token"] as? [Any])?.count == 5)
        let http = try #require(json["http"] as? [String: [String: Double]])
        #expect(try #require(http["through_http"]?["least"]) > 0)
        #expect((json["memory"] as? [Any])?.count == 3)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    @Test func aSectionThatIsNotThereIsWrongUsage() throws {
        for run in [try Invocation("bench", "--only", "decode,x"), try Invocation("bench", "--ranks", "0")] {
            #expect(run.status == 2)
            #expect(run.errors.contains("--only") || run.errors.contains("--ranks"))
        }
    }
}
