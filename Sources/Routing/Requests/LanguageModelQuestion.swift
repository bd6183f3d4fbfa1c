import Glibc

/// The question to a language model where the router is not confident: which of the candidates should answer a text.
///
/// The prompt describes each option, shows its examples that are nearest to the text, and asks for a letter. A small model prefers
/// letters by their place, so it is asked once for each rotation of the options, and the logarithms of the letters' probabilities are
/// added. With SmolLM2-135M and four options, examples and rotations matter most: 25 of 32 requests are right with both, 14 with one
/// rotation, at most 20 with descriptions alone. docs/routing.md compares it with the router.
public struct LanguageModelQuestion: Sendable, Equatable {
    public struct Option: Sendable, Equatable {
        public var name: String
        public var description: String?
        /// Nearest first.
        public var examples: [String]

        public init(name: String, description: String?, examples: [String]) {
            self.name = name
            self.description = description
            self.examples = examples
        }
    }

    public var text: String
    /// Best first, by the router. "None of them" is one more option, the last.
    public var options: [Option]

    public init(text: String, options: [Option]) {
        self.text = text
        self.options = options
    }

    /// Options and none of them; as many rotations.
    public var count: Int { min(options.count + 1, Self.letters.count) }

    /// The prompt in which option `(rotation + i) % count` has letter `i`.
    public func prompt(rotation: Int) -> String {
        let order = (0..<count).map { ($0 + rotation) % count }
        let lines = order.enumerated().map { "\(Self.letters[$0]): \(label($1))" }
        let shown = order.map(examples)
        let shots = (0..<Self.shots).reversed().flatMap { number in
            order.indices.compactMap { place -> String? in
                guard shown[place].indices.contains(number) else { return nil }
                return "Request: \(TextScan.singleSpaced(shown[place][number], bytes: Self.exampleBytes))\nAnswer: \(Self.letters[place])"
            }
        }
        let request = "Request: \(TextScan.singleSpaced(text, bytes: Self.textBytes))\nAnswer:"
        return (lines.joined(separator: "\n") + "\n\n") + (shots + [request]).joined(separator: "\n\n")
    }

    /// The option's place in `options` by letters' logarithms, one list for each rotation; `options.count` is none of them.
    public func choice(_ logprobs: [[Double]]) -> (option: Int, probability: Double)? {
        guard logprobs.count == count, logprobs.allSatisfy({ $0.count == count }) else { return nil }
        var sums = [Double](repeating: 0, count: count)
        for (rotation, values) in logprobs.enumerated() {
            let all = Self.logSum(values)
            for (place, value) in values.enumerated() { sums[(place + rotation) % count] += (value - all) / Double(count) }
        }
        guard let best = sums.indices.max(by: { (sums[$0], $1) < (sums[$1], $0) }) else { return nil }
        return (best, exp(sums[best] - Self.logSum(sums)))
    }

    public static let letters = ["A", "B", "C", "D", "E", "F", "G", "H"]
    private static let shots = 2
    private static let descriptionBytes = 300
    private static let exampleBytes = 160
    private static let textBytes = 400
    /// Requests that no option is for.
    private static let otherExamples = ["Write a short poem about autumn leaves.", "Hi there, how are you today?"]

    private func label(_ option: Int) -> String {
        guard option < options.count else { return "none. Anything else." }
        return options[option].name + (options[option].description.map { ". \(TextScan.singleSpaced($0, bytes: Self.descriptionBytes))" } ?? "")
    }

    private func examples(_ option: Int) -> [String] {
        option < options.count ? options[option].examples : Self.otherExamples
    }

    private static func logSum(_ values: [Double]) -> Double {
        let most = values.max() ?? 0
        return most + log(values.reduce(0) { $0 + exp($1 - most) })
    }

}
