import Evaluation
import Foundation

/// The figures of all candidates with their intervals: a panel a measure, a line a candidate. SVG, readable on light and dark backgrounds.
struct ScorePicture {
    let result: ScoreResult

    /// Okabe and Ito 2008: colour-blind people can tell them apart. The base is grey.
    private static let colours = ["#7a7f87", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d00"]
    private static let (width, left, right) = (860.0, 190.0, 120.0)
    private static let (lineHeight, panelGap, panelHead) = (22.0, 20.0, 22.0)

    static func colour(_ candidate: Int) -> String {
        candidate == 0 ? colours[0] : colours[1 + (candidate - 1) % (colours.count - 1)]
    }

    var svg: String {
        var (parts, y) = ([String](), 8.0)
        for row in result.rows {
            let candidates = result.names.indices.filter { row.scores[$0] != nil }
            parts.append(panel(row, candidates, top: y))
            y += Self.panelHead + Self.lineHeight * Double(candidates.count) + Self.panelGap
        }
        return """
            <svg viewBox="0 0 \(number(Self.width)) \(number(y))" role="img" aria-label="scores with their 95 % intervals" font-size="12" fill="currentColor">
            \(parts.joined(separator: "\n"))
            </svg>
            """
    }

    private func panel(_ row: ScoreResult.Row, _ candidates: [Int], top: Double) -> String {
        let scale = scale(row, candidates)
        let bottom = top + Self.panelHead + Self.lineHeight * Double(candidates.count)
        var parts = ["<text x=\"0\" y=\"\(number(top + 14))\" font-weight=\"600\">\(row.measure.title)</text>"]
        for share in [0, 0.25, 0.5, 0.75, 1] {
            let value = scale.lowerBound + share * (scale.upperBound - scale.lowerBound)
            let x = number(place(value, scale))
            parts.append("<path d=\"M\(x) \(number(top + Self.panelHead - 2))V\(number(bottom))\" stroke=\"currentColor\" stroke-opacity=\".15\"/>")
            parts.append(
                "<text x=\"\(x)\" y=\"\(number(top + 14))\" text-anchor=\"middle\" font-size=\"10\" fill-opacity=\".65\">"
                    + "\(row.measure.tick(value))</text>")
        }
        for (line, candidate) in candidates.enumerated() {
            guard let score = row.scores[candidate] else { continue }
            let middle = top + Self.panelHead + Self.lineHeight * (Double(line) + 0.5)
            parts.append(mark(row.measure, score, candidate, scale, y: middle))
        }
        return parts.joined(separator: "\n")
    }

    private func mark(_ measure: Measure, _ score: MeasuredScore, _ candidate: Int, _ scale: ClosedRange<Double>, y: Double) -> String {
        let (colour, x) = (Self.colour(candidate), number(place(score.score.value, scale)))
        var parts = [
            "<text x=\"\(number(Self.left - 12))\" y=\"\(number(y + 4))\" text-anchor=\"end\">\(Markup.escaped(result.names[candidate]))</text>",
            "<circle cx=\"\(x)\" cy=\"\(number(y))\" r=\"5\" fill=\"\(colour)\"/>",
            "<text x=\"\(number(Self.width - Self.right + 14))\" y=\"\(number(y + 4))\">\(measure.text(score.score.value))"
                + "\(score.verdict(measure).map { $0 == .unclear ? "" : " (\($0.rawValue))" } ?? "")</text>",
        ]
        if let interval = score.score.interval {
            let (low, high) = (number(place(interval.lowerBound, scale)), number(place(interval.upperBound, scale)))
            parts.insert("<path d=\"M\(low) \(number(y))H\(high)\" stroke=\"\(colour)\" stroke-width=\"3\" stroke-opacity=\".55\"/>", at: 1)
        }
        return parts.joined(separator: "\n")
    }

    /// Shares go from 0 to 1, others from 0 to a round number above the greatest end of an interval.
    private func scale(_ row: ScoreResult.Row, _ candidates: [Int]) -> ClosedRange<Double> {
        if row.measure.isShare { return 0...1 }
        let ends = candidates.compactMap { row.scores[$0]?.score }.map { max($0.value, $0.interval?.upperBound ?? $0.value) }
        let quarter = max(ends.max() ?? 1, 1e-6) / 4
        let power = pow(10, log10(quarter).rounded(.down))
        return 0...(4 * power * ([1, 1.5, 2, 2.5, 3, 4, 5, 7.5].first { $0 * power >= quarter } ?? 10))
    }

    private func place(_ value: Double, _ scale: ClosedRange<Double>) -> Double {
        let share = min(max((value - scale.lowerBound) / (scale.upperBound - scale.lowerBound), 0), 1)
        return Self.left + share * (Self.width - Self.left - Self.right)
    }

    private func number(_ value: Double) -> String { Figure.decimals(value, 1) }
}

extension Measure {
    /// On an axis.
    fileprivate func tick(_ value: Double) -> String { isShare ? "\(Figure.decimals(100 * value, 0)) %" : Figure.decimals(value, value < 10 ? 2 : value < 100 ? 1 : 0) }
}
