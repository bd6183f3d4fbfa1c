/// The description in an adapter's model card: the first paragraph of prose after front matter and headings.
enum ModelCard {
    static func description(_ markdown: String) -> String? {
        var lines = TextScan.lines(markdown).map(TextScan.trimmed)[...]
        if lines.first == "---", let end = lines.dropFirst().firstIndex(of: "---") {
            lines = lines[(end + 1)...]
        }
        var paragraph: [Substring] = []
        for line in lines {
            let isProse = !line.isEmpty && !"#<>|!`-*=".utf8.contains(line.utf8.first ?? 0)
            if isProse {
                paragraph.append(line)
            } else if !paragraph.isEmpty {
                break
            }
        }
        let text = paragraph.joined(separator: " ")
        let isTemplate = TextScan.contains(text, "[More Information Needed]") || TextScan.contains(text, "<!--")
        return text.isEmpty || isTemplate ? nil : text
    }
}
