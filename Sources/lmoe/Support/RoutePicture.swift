import Generation
import Routing

/// A route map as one SVG, readable on light and dark backgrounds. Each adapter has a colour and a mark of its own.
struct RoutePicture {
    let map: RouteMap
    let decision: RouteDecision

    private static let size = (width: 960.0, height: 620.0)
    private static let plot = (x: 24.0, y: 74.0, width: 660.0, height: 520.0)
    /// Okabe and Ito 2008: colour-blind people can tell them apart.
    private static let colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d00", "#7f3c8d"]

    var svg: String {
        let (scale, styles) = (Scale(map, Self.plot), styles)
        var parts = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(number(Self.size.width)) \(number(Self.size.height))" font-family="system-ui, sans-serif" font-size="13">
            <title>\(Markup.escaped(decision.reason))</title>
            <style>
            .ground { fill: #ffffff } .ink { fill: #1c1e21 } .soft { fill: #61666d } .frame { fill: none; stroke: #d5d8dc } .near { stroke: #1c1e21; stroke-opacity: .35 }
            .none { stroke: #9aa0a6; fill: none } .query { fill: none; stroke: #1c1e21; stroke-width: 2.5 }
            @media (prefers-color-scheme: dark) {
            .ground { fill: #16181b } .ink { fill: #eceef0 } .soft { fill: #a4a9b0 } .frame { stroke: #3a3e44 } .near { stroke: #eceef0 } .query { stroke: #eceef0 }
            }
            </style>
            <rect class="ground" width="100%" height="100%"/>
            <text class="ink" x="24" y="34" font-size="17" font-weight="600">\(Markup.escaped(shortened(decision.original ?? decision.text, 96)))</text>
            <text class="soft" x="24" y="56">\(Markup.escaped(shortened(decision.reason, 132)))</text>
            <rect class="frame" x="\(number(Self.plot.x))" y="\(number(Self.plot.y))" width="\(number(Self.plot.width))" height="\(number(Self.plot.height))" rx="6"/>
            """
        ]
        // The best candidates are drawn last.
        for (place, group) in map.groups.enumerated().reversed() {
            let marks = group.points.map { point -> String in
                let (x, y) = scale.place(point)
                return mark(styles[place], group.adapter == nil, x, y, title: "\(group.adapter ?? "out of scope"): \(shortened(point.text, 200))")
            }
            parts.append("<g opacity=\"\(group.adapter == nil ? ".7" : ".8")\">\n\(marks.joined(separator: "\n"))\n</g>")
        }
        let (x, y) = scale.place(map.query)
        for (group, point) in map.nearest {
            let (nearX, nearY) = scale.place(map.groups[group].points[point])
            parts.append("<line class=\"near\" x1=\"\(number(x))\" y1=\"\(number(y))\" x2=\"\(number(nearX))\" y2=\"\(number(nearY))\"/>")
        }
        parts.append(
            """
            <g><title>\(Markup.escaped(decision.text))</title>
            <circle class="query" cx="\(number(x))" cy="\(number(y))" r="9"/><path class="query" d="M\(number(x - 15)) \(number(y))h30M\(number(x)) \(number(y - 15))v30"/></g>
            """)
        parts.append(legend)
        parts.append("</svg>\n")
        return parts.joined(separator: "\n")
    }

    /// The number of each group's colour and mark, in the order of names, so that an adapter looks the same whatever its rank.
    private var styles: [Int] {
        let names = map.groups.compactMap(\.adapter).sorted()
        return map.groups.map { group in group.adapter.flatMap(names.firstIndex) ?? 0 }
    }

    private var legend: String {
        let styles = styles
        let left = Self.plot.x + Self.plot.width + 24
        var lines: [String] = []
        var y = Self.plot.y + 16
        for (place, group) in map.groups.enumerated() {
            let candidate = decision.candidates.first { $0.adapter == group.adapter }
            // Cut, not rounded, so that no figure becomes 1.
            let figure = (group.adapter == nil ? decision.noneProbability : candidate?.probability).map { Figure.decimals(($0 * 100).rounded(.down) / 100, 2) } ?? ""
            lines.append(mark(styles[place], group.adapter == nil, left + 6, y - 4, title: nil))
            lines.append("<text class=\"ink\" x=\"\(number(left + 22))\" y=\"\(number(y))\">\(Markup.escaped(shortened(group.adapter ?? "none of them", 22)))</text>")
            lines.append("<text class=\"ink\" x=\"\(number(Self.size.width - 24))\" y=\"\(number(y))\" text-anchor=\"end\">\(figure)</text>")
            let shown = group.points.count < group.count ? "\(group.points.count) of \(group.count) texts" : "\(group.count) text\(group.count == 1 ? "" : "s")"
            lines.append("<text class=\"soft\" x=\"\(number(left + 22))\" y=\"\(number(y + 16))\" font-size=\"11\">\(shown)</text>")
            y += 44
        }
        let hidden = decision.candidates.count - map.groups.count { $0.adapter != nil }
        if hidden > 0 { lines.append("<text class=\"soft\" x=\"\(number(left))\" y=\"\(number(y))\">and \(hidden) less probable</text>") }
        lines.append("<text class=\"soft\" x=\"\(number(left))\" y=\"\(number(Self.size.height - 48))\" font-size=\"11\">The cross is the text; lines go to its nearest</text>")
        lines.append("<text class=\"soft\" x=\"\(number(left))\" y=\"\(number(Self.size.height - 33))\" font-size=\"11\">examples. These two directions tell the best</text>")
        lines.append("<text class=\"soft\" x=\"\(number(left))\" y=\"\(number(Self.size.height - 18))\" font-size=\"11\">two adapters and none of them apart.</text>")
        return lines.joined(separator: "\n")
    }

    private func mark(_ style: Int, _ isOutOfScope: Bool, _ x: Double, _ y: Double, title: String?) -> String {
        let inside = title.map { "<title>\(Markup.escaped($0))</title>" } ?? ""
        func path(_ shape: String, _ attributes: String) -> String { "<path \(attributes) d=\"\(shape)\">\(inside)</path>" }
        if isOutOfScope { return path("M\(number(x - 3)) \(number(y - 3))l6 6m0-6l-6 6", "class=\"none\" stroke-width=\"1.3\"") }
        let fill = "fill=\"\(Self.colours[style % Self.colours.count])\""
        let stroke = "fill=\"none\" stroke=\"\(Self.colours[style % Self.colours.count])\" stroke-width=\"2\""
        switch style % 8 {
        case 0: return "<circle \(fill) cx=\"\(number(x))\" cy=\"\(number(y))\" r=\"4.5\">\(inside)</circle>"
        case 1: return path("M\(number(x - 4)) \(number(y - 4))h8v8h-8z", fill)
        case 2: return path("M\(number(x)) \(number(y - 5))l5 9h-10z", fill)
        case 3: return path("M\(number(x)) \(number(y - 5.5))l5.5 5.5l-5.5 5.5l-5.5 -5.5z", fill)
        case 4: return path("M\(number(x)) \(number(y + 5))l5 -9h-10z", fill)
        case 5: return path("M\(number(x - 5)) \(number(y))h10m-5 -5v10", stroke)
        case 6: return "<circle \(stroke) cx=\"\(number(x))\" cy=\"\(number(y))\" r=\"4\">\(inside)</circle>"
        default: return path("M\(number(x - 4)) \(number(y - 4))h8v8h-8z", stroke)
        }
    }

    /// From the plane to the picture, which each direction fills.
    private struct Scale {
        private let left: Double, top: Double, x: (least: Double, factor: Double), y: (least: Double, factor: Double)

        init(_ map: RouteMap, _ plot: (x: Double, y: Double, width: Double, height: Double)) {
            let points = map.groups.flatMap(\.points) + [map.query]
            let margin = 18.0
            func range(_ values: [Double], _ length: Double) -> (least: Double, factor: Double) {
                let (least, greatest) = (values.min() ?? 0, values.max() ?? 0)
                return (least, greatest > least ? (length - 2 * margin) / (greatest - least) : 0)
            }
            x = range(points.map(\.x), plot.width)
            y = range(points.map(\.y), plot.height)
            (left, top) = (plot.x + margin, plot.y + plot.height - margin)
        }

        func place(_ point: RouteMap.Point) -> (Double, Double) {
            (left + (point.x - x.least) * x.factor, top - (point.y - y.least) * y.factor)
        }
    }

    private func number(_ value: Double) -> String { Figure.decimals(value, 1) }

    private func shortened(_ text: String, _ length: Int) -> String {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        return line.count > length ? line.prefix(length - 1) + "…" : line
    }
}
