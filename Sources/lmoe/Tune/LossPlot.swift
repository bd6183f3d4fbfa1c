import Foundation
import Tuning

/// Training and held-out losses as one SVG, readable on light and dark backgrounds. Each task has a colour; held-out losses are dots.
struct LossPlot {
    let curves: [TuningHistory]

    private static let size = (width: 900.0, height: 480.0)
    private static let plot = (x: 64.0, y: 32.0, width: 600.0, height: 396.0)
    /// Okabe and Ito 2008: colour-blind people can tell them apart.
    private static let colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d00", "#7f3c8d"]
    var svg: String {
        let axes = Axes(curves)
        var parts = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(number(Self.size.width)) \(number(Self.size.height))"
             font-family="system-ui, sans-serif" font-size="12">
            <title>Loss by step</title>
            <style>
            .ground { fill: #ffffff } .ink { fill: #1c1e21 } .soft { fill: #61666d } .grid { stroke: #e4e6ea }
            .line { fill: none; stroke-width: 2 } .thin { fill: none; stroke-opacity: .25 }
            @media (prefers-color-scheme: dark) {
            .ground { fill: #16181b } .ink { fill: #eceef0 } .soft { fill: #a4a9b0 } .grid { stroke: #2c3035 }
            }
            </style>
            <rect class="ground" width="100%" height="100%"/>
            """
        ]
        parts.append(grid(axes))
        for (index, curve) in curves.enumerated() { parts.append(lines(curve, Self.colours[index % Self.colours.count], axes)) }
        parts.append(legend)
        parts.append("</svg>\n")
        return parts.joined(separator: "\n")
    }

    private func grid(_ axes: Axes) -> String {
        let (left, bottom) = (Self.plot.x, Self.plot.y + Self.plot.height)
        var parts: [String] = []
        for loss in axes.lossTicks {
            let (y, text) = (number(axes.y(loss)), Figure.decimals(loss, axes.digits))
            parts.append("<path class=\"grid\" d=\"M\(number(left)) \(y)h\(number(Self.plot.width))\"/>")
            parts.append("<text class=\"soft\" x=\"\(number(left - 8))\" y=\"\(y)\" dy=\"4\" text-anchor=\"end\">\(text)</text>")
        }
        for step in axes.stepTicks {
            let x = number(axes.x(step))
            parts.append("<text class=\"soft\" x=\"\(x)\" y=\"\(number(bottom + 20))\" text-anchor=\"middle\">\(Int(step))</text>")
        }
        let middle = number(left + Self.plot.width / 2)
        parts.append("<text class=\"soft\" x=\"\(middle)\" y=\"\(number(bottom + 40))\" text-anchor=\"middle\">step</text>")
        return parts.joined(separator: "\n")
    }

    private func lines(_ curve: TuningHistory, _ colour: String, _ axes: Axes) -> String {
        var parts = [path(curve.training, "thin", colour, axes), path(Self.smoothed(curve.training), "line", colour, axes)]
        for point in curve.heldOut where point.loss.isFinite {
            let (x, y) = (number(axes.x(Double(point.step))), number(axes.y(point.loss)))
            parts.append(
                "<circle fill=\"\(colour)\" cx=\"\(x)\" cy=\"\(y)\" r=\"4\"><title>\(Markup.escaped(curve.task)), step \(point.step): "
                    + "\(Figure.decimals(point.loss, 4))</title></circle>")
        }
        return parts.joined(separator: "\n")
    }

    private func path(_ points: [TuningHistory.Point], _ style: String, _ colour: String, _ axes: Axes) -> String {
        let places = points.filter(\.loss.isFinite).map { "\(number(axes.x(Double($0.step)))) \(number(axes.y($0.loss)))" }
        return places.isEmpty ? "" : "<path class=\"\(style)\" stroke=\"\(colour)\" d=\"M\(places.joined(separator: "L"))\"/>"
    }

    /// The mean of the neighbours on both sides, a fiftieth of the run.
    private static func smoothed(_ points: [TuningHistory.Point]) -> [TuningHistory.Point] {
        let reach = max(1, points.count / 50)
        return points.indices.map { index in
            let around = points[max(0, index - reach)...min(points.count - 1, index + reach)].filter(\.loss.isFinite)
            var point = points[index]
            point.loss = around.isEmpty ? .nan : around.reduce(0) { $0 + $1.loss } / Double(around.count)
            return point
        }
    }

    private var legend: String {
        let left = Self.plot.x + Self.plot.width + 24
        var parts: [String] = []
        var y = Self.plot.y + 12
        for (index, curve) in curves.enumerated() {
            let colour = Self.colours[index % Self.colours.count]
            let best = curve.heldOut.min { $0.loss < $1.loss }
            let last = Self.smoothed(curve.training).last.map { "training \(Figure.decimals($0.loss, 3))" }
            let texts = [last, best.map { "held out, best \(Figure.decimals($0.loss, 3)) at step \($0.step)" }].compactMap(\.self)
            parts.append("<path stroke=\"\(colour)\" stroke-width=\"2\" d=\"M\(number(left)) \(number(y - 4))h14\"/>")
            parts.append("<text class=\"ink\" x=\"\(number(left + 20))\" y=\"\(number(y))\">\(Markup.escaped(curve.task))</text>")
            for (line, text) in texts.enumerated() {
                let place = number(y + 16 + 14 * Double(line))
                parts.append("<text class=\"soft\" x=\"\(number(left))\" y=\"\(place)\" font-size=\"11\">\(text)</text>")
            }
            y += 24 + 14 * Double(texts.count)
        }
        let bottom = number(Self.size.height - 16)
        parts.append("<text class=\"soft\" x=\"\(number(left))\" y=\"\(bottom)\" font-size=\"11\">lines: training; dots: held out</text>")
        return parts.joined(separator: "\n")
    }

    private func number(_ value: Double) -> String { Figure.decimals(value, 1) }

    /// From steps and losses to places in the picture.
    private struct Axes {
        let lossTicks: [Double]
        let stepTicks: [Double]
        /// Behind the point of a loss.
        let digits: Int
        private let greatestStep: Double

        init(_ curves: [TuningHistory]) {
            let losses = curves.flatMap { $0.training + $0.heldOut }.map(\.loss).filter(\.isFinite).sorted()
            // A few first losses may be far above the others: they are cut.
            let high = losses.isEmpty ? 1 : losses[(losses.count - 1) * 995 / 1000]
            let low = losses.first ?? 0
            let unit = Self.unit(max(high - low, 1e-3) / 6)
            lossTicks = stride(from: (low / unit).rounded(.down), through: (high / unit).rounded(.up), by: 1).map { $0 * unit }
            digits = unit >= 1 ? 0 : unit >= 0.1 ? 1 : unit >= 0.01 ? 2 : 3
            greatestStep = Double(max(1, curves.flatMap { $0.training + $0.heldOut }.map(\.step).max() ?? 1))
            let stepUnit = max(1, Self.unit(greatestStep / 8))
            stepTicks = Array(stride(from: 0, through: greatestStep, by: stepUnit))
        }

        /// 1, 2 or 5 times a power of ten, not below the value.
        private static func unit(_ value: Double) -> Double {
            let power = pow(10, log10(value).rounded(.down))
            return power * ([1, 2, 5].first { $0 * power >= value } ?? 10)
        }

        func x(_ step: Double) -> Double { LossPlot.plot.x + LossPlot.plot.width * step / greatestStep }

        func y(_ loss: Double) -> Double {
            let (low, high) = (lossTicks.first ?? 0, lossTicks.last ?? 1)
            let share = high > low ? min(max((loss - low) / (high - low), 0), 1) : 0
            return LossPlot.plot.y + LossPlot.plot.height * (1 - share)
        }
    }
}
