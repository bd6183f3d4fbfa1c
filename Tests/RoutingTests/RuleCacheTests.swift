import Foundation
import Generation
import TestSupport
import Testing

@testable import Routing

@Suite struct RuleCacheTests {
    private static let texts = ["find large files", "which rivers cross ohio", "sing of melancholy evenings", "rename the folder"]

    private func router(_ definitions: [RouteDefinition], _ folder: TemporaryFolder, encoder: String = "words-1") throws -> Router {
        let router = Router(embedder: WordEmbedder(identity: encoder), cacheFolder: "\(folder.path)/cache")
        try router.update(definitions)
        return router
    }

    private func probabilities(_ router: Router) throws -> [[Double]] {
        try Self.texts.map { try router.decide(RouteQuery(text: $0)).candidates.map(\.probability) }
    }

    private func rules(_ folder: TemporaryFolder) throws -> URL {
        let names = try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/cache").filter { $0.hasPrefix("rules-") }
        #expect(names.count == 1)
        return URL(fileURLWithPath: "\(folder.path)/cache/\(names.first ?? "none")")
    }

    @Test func aSecondStartTakesTheRulesOfTheFirst() throws {
        let folder = try TemporaryFolder()
        let first = try router([RouterTests.bash, RouterTests.sql], folder)
        let file = try rules(folder)
        let written = try Data(contentsOf: file)
        let second = try router([RouterTests.bash, RouterTests.sql], folder)
        #expect(second.current.sums == nil && second.current.discriminant != nil)
        #expect(second.current.calibration == first.current.calibration)
        #expect(try probabilities(second) == probabilities(first))
        // Nothing was trained, so nothing was written.
        #expect(try Data(contentsOf: file) == written)
    }

    @Test func otherExamplesAreTrainedAgain() throws {
        let folder = try TemporaryFolder()
        _ = try router([RouterTests.bash, RouterTests.sql], folder)
        let before = try Data(contentsOf: rules(folder))
        var more = RouterTests.sql
        more.examples.append("how deep is the snake river")
        let changed = try router([RouterTests.bash, more], folder)
        #expect(try Data(contentsOf: rules(folder)) != before)
        let fresh = Router(embedder: WordEmbedder())
        try fresh.update([RouterTests.bash, more])
        #expect(try probabilities(changed) == probabilities(fresh))
        _ = try router([RouterTests.bash], folder, encoder: "words-2")
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/cache").count { $0.hasPrefix("rules-") } == 2)
    }

    @Test func whatWasCachedIsUpdatedLikeWhatWasTrained() throws {
        let folder = try TemporaryFolder()
        _ = try router([RouterTests.bash, RouterTests.sql], folder)
        let cached = try router([RouterTests.bash, RouterTests.sql], folder)
        let math = RouteDefinition(adapter: "math", examples: (0..<12).map { "add \($0) apples and \($0 + 3) pears" })
        try cached.update([RouterTests.bash, RouterTests.sql, math])
        let fresh = Router(embedder: WordEmbedder())
        try fresh.update([RouterTests.bash, RouterTests.sql, math])
        #expect(try probabilities(cached) == probabilities(fresh))
    }

    @Test func damagedRulesAreTrainedAgain() throws {
        let folder = try TemporaryFolder()
        let first = try probabilities(router([RouterTests.bash, RouterTests.sql], folder))
        let file = try rules(folder)
        let whole = try Data(contentsOf: file)
        // Of a weight, and of a landmark.
        var flipped = whole, moved = whole
        flipped[whole.count - 40] ^= 1
        moved[120] ^= 1
        var many = whole
        many.replaceSubrange(48..<56, with: [255, 255, 255, 255, 255, 255, 255, 127])
        for damaged in [Data(), whole.prefix(40), whole.prefix(whole.count - 1), whole + Data([0]), flipped, moved, many] {
            try damaged.write(to: file)
            #expect(try probabilities(router([RouterTests.bash, RouterTests.sql], folder)) == first)
            #expect(try Data(contentsOf: file) == whole)
        }
    }

    @Test func halvesAreReadAsTheyWereKept() {
        let rows: [Float] = [0.1, -0.25, 3, 1e-5, 0, 65_000]
        let features = FeatureRows(rows, dimension: 3)
        #expect(features.count == 2)
        #expect(features.row(1) == rows[3...].map { Float(Float16($0)) })
        #expect(FeatureRows(features.row(0) + features.row(1), dimension: 3).digest == features.digest)
        #expect(FeatureRows(rows.reversed(), dimension: 3).digest != features.digest)
    }
}
