internal import Foundation
public import Models

/// How a mixture's routers spread their rows over the experts since the adapter was loaded.
public struct ExpertLoad: Sendable, Equatable {
    /// All routers of one layer, or of all; where their numbers of experts differ, the lower ones' experts count as what they are.
    public struct Spread: Sendable, Equatable {
        /// The share of all routing weight that each expert got. The shares sum to 1, or are all 0 before the first row.
        public var shares: [Double]
        /// The entropy of the shares divided by that of equal shares: 1 when all experts get as much, 0 when one gets all.
        public var evenness: Double

        public init(weights: [Double]) {
            let sum = weights.reduce(0, +)
            shares = sum > 0 ? weights.map { $0 / sum } : weights.map { _ in 0 }
            let entropy = shares.reduce(0) { $1 > 0 ? $0 - $1 * log($1) : $0 }
            evenness = shares.count > 1 && sum > 0 ? entropy / log(Double(shares.count)) : sum > 0 ? 1 : 0
        }
    }

    /// Tokens that the first router saw.
    public var tokens: Int
    public var overall: Spread
    public struct Layer: Sendable, Equatable {
        public var layer: Int
        public var spread: Spread
    }

    /// Those with routers.
    public var layers: [Layer]

    /// Nil when the adapter has no routers.
    public init?(_ delta: AdapterDelta) {
        guard let counts = delta.expertCounts else { return nil }
        let loads = counts.loads
        tokens = counts.rows(ofRouter: 0)
        func spread(_ routers: [ExpertRouter]) -> Spread {
            var weights = [Double](repeating: 0, count: routers.map(\.experts.count).max() ?? 0)
            for router in routers {
                for (expert, load) in loads[router.experts].enumerated() { weights[expert] += load.weight }
            }
            return Spread(weights: weights)
        }
        overall = spread(delta.routers)
        layers = (0..<delta.layers).compactMap { layer in
            let own = delta.routers.filter { $0.layer == layer }
            return own.isEmpty ? nil : Layer(layer: layer, spread: spread(own))
        }
    }
}
