/// The description in an adapter's model card: the first paragraph of prose after front matter and headings.
enum ModelCard {
    static func description(_ markdown: String) -> String? {
        var lines = markdown.split(separator: "\n", omittingEmptySubsequences: false).map(trimmed)[...]
        if lines.first == "---", let end = lines.dropFirst().firstIndex(of: "---") {
            lines = lines[(end + 1)...]
        }
        var paragraph: [Substring] = []
        for line in lines {
            let isProse = !line.isEmpty && !"#<>|!`-*=".contains(line.first ?? "#")
            if isProse {
                paragraph.append(line)
            } else if !paragraph.isEmpty {
                break
            }
        }
        let text = paragraph.joined(separator: " ")
        let isTemplate = text.contains("[More Information Needed]") || text.contains("<!--")
        return text.isEmpty || isTemplate ? nil : text
    }

    private static func trimmed(_ line: Substring) -> Substring {
        var line = line
        while let first = line.first, first.isWhitespace { line.removeFirst() }
        while let last = line.last, last.isWhitespace { line.removeLast() }
        return line
    }
}
