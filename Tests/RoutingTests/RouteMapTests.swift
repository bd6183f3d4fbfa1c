import Generation
import Testing

@testable import Routing

@Suite struct RouteMapTests {
    private func map(_ text: String, _ definitions: [RouteDefinition]) throws -> RouteMap? {
        let router = try RouterTests.router(definitions)
        return try router.map(of: try router.decide(RouteQuery(text: text, top: 10)))
    }

    @Test func classesLieApartAndTheTextWithItsOwn() throws {
        let map = try #require(try map("find all files in the folder", [RouterTests.bash, RouterTests.sql]))
        #expect(map.groups.map(\.adapter) == ["bash", "sql", nil])
        func middle(_ points: [RouteMap.Point]) -> (x: Double, y: Double) {
            (points.reduce(0) { $0 + $1.x } / Double(points.count), points.reduce(0) { $0 + $1.y } / Double(points.count))
        }
        func distance(_ point: RouteMap.Point, _ other: (x: Double, y: Double)) -> Double {
            ((point.x - other.x) * (point.x - other.x) + (point.y - other.y) * (point.y - other.y)).squareRoot()
        }
        let middles = map.groups.prefix(2).map { middle($0.points) }
        #expect(distance(map.query, middles[0]) < distance(map.query, middles[1]))
        // Nearly every example is nearer its own middle.
        let right = (0..<2).map { group in map.groups[group].points.count { distance($0, middles[group]) < distance($0, middles[1 - group]) } }
        #expect(right.allSatisfy { $0 >= 11 })
        #expect(map.nearest.count == 5 && map.nearest.allSatisfy { $0.group == 0 })
    }

    @Test func theSameDecisionGivesTheSameMap() throws {
        let maps = try (0..<2).map { _ in try #require(try map("which rivers", [RouterTests.bash, RouterTests.sql])) }
        #expect(maps[0].groups.flatMap(\.points).map(\.x) == maps[1].groups.flatMap(\.points).map(\.x))
        #expect(maps[0].query.y == maps[1].query.y)
    }

    @Test func manyExamplesAreDrawnInPart() throws {
        let many = RouteDefinition(adapter: "many", examples: (0..<400).map { "count file number \($0) x\($0 * 7)" })
        let map = try #require(try map("count file number 3", [many, RouterTests.sql]))
        #expect((140...150).contains(map.groups[0].points.count) && map.groups[0].count == 400)
        #expect(map.groups.flatMap(\.points).allSatisfy { $0.x.isFinite && $0.y.isFinite })
    }

    @Test func theNearestExampleIsDrawnWhereOthersAreNot() throws {
        // A place that even strides leave out, be they for 144 or for 150 texts.
        var examples = (0..<400).map { "count file number \($0) x\($0 * 7)" }
        examples[203] = "which rivers run through ohio"
        let map = try #require(try map("which rivers run through ohio", [RouteDefinition(adapter: "many", examples: examples)]))
        let nearest = try #require(map.nearest.first)
        #expect(map.groups[nearest.group].points[nearest.point].text == examples[203])
        #expect(map.groups[0].points.count <= 150)
    }

    @Test func oneAdapterAndEqualExamplesAreNoTrouble() throws {
        let one = RouteDefinition(adapter: "one", examples: ["list files"])
        let map = try #require(try map("list files", [one]))
        #expect(map.groups.flatMap(\.points).allSatisfy { $0.x.isFinite && $0.y.isFinite })
        #expect(try self.map("list files", []) == nil)
    }
}
