/// Looks through the examples of an index for what makes routing worse: adapters that take each other's texts, examples in the wrong
/// place, too few of them, thresholds that do not fit.
///
/// The judge is the router itself: what it says of each example is what it would say had it never seen it (`SecondOpinion`).
struct RouteDoctor {
    let index: RouteIndex
    let policy: RoutePolicy
    let encoderTokens: Int

    /// How far another adapter's score must be ahead of an example's own; docs/routing.md says how many planted faults it finds.
    static let mislabelled: Float = 0.3
    /// Cosine with the nearest other example below which nothing is known of a text.
    private static let stray: Float = 0.35
    /// Cosine from which on two texts say the same.
    private static let same: Float = 0.98
    private static let few = (error: 5, note: 20)
    /// Texts that a diagnosis shows.
    private static let shown = 5
    /// Of a token, roughly: texts of more bytes are cut by the encoder.
    private static let bytesPerToken = 3

    func diagnoses(progress: (_ done: Int, _ total: Int) -> Void) -> [RouteDiagnosis] {
        var found = shared() + alike()
        let opinion = SecondOpinion(index)
        let total = index.entries.reduce(0) { $0 + $1.examples.texts.count }
        var done = 0
        for entry in index.entries.indices {
            found += amount(entry) + repetitions(entry) + long(entry)
            if let opinion, index.entries.count > 1 { found += judged(entry, opinion.examples(entry)) }
            done += index.entries[entry].examples.texts.count
            progress(done, total)
        }
        return found
    }

    private func name(_ entry: Int) -> String { index.entries[entry].definition.adapter }

    // MARK: Without the rules

    private func amount(_ entry: Int) -> [RouteDiagnosis] {
        let count = index.entries[entry].definition.examples.count
        guard count < Self.few.note else { return [] }
        let isFew = count < Self.few.error
        return [
            RouteDiagnosis(
                isFew ? .warning : .note, .fewExamples, name(entry),
                count == 0 ? "it has a description and no examples" : "it has \(count) example\(count == 1 ? "" : "s")",
                advice: isFew ? "add some: with 5 the router is right about nine times of ten, with 20 and more clearly oftener" : "20 and more are better")
        ]
    }

    /// Texts that several adapters have, letter case and outer spaces aside.
    private func shared() -> [RouteDiagnosis] {
        var owners: [String: Int] = [:]
        var texts: [[Int]: [String]] = [:]
        for (entry, content) in index.entries.enumerated() {
            for text in content.definition.examples {
                let key = text.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
                if let owner = owners[key], owner != entry {
                    texts[[owner, entry], default: []].append(text)
                } else {
                    owners[key] = entry
                }
            }
        }
        return texts.map { pair, texts in
            RouteDiagnosis(
                .error, .sharedExample, name(pair[1]), other: name(pair[0]),
                "\(texts.count) of its examples \(texts.count == 1 ? "is an example" : "are examples") of \(name(pair[0])), too",
                advice: "leave each text with the adapter that should answer it", texts: Array(texts.prefix(Self.shown)))
        }
    }

    private func alike() -> [RouteDiagnosis] {
        index.entries.indices.flatMap { entry in
            index.likes(of: entry).filter { $0 > entry }.map { other in
                RouteDiagnosis(
                    .warning, .alike, name(entry), other: name(other),
                    "its examples are nearly the same as those of \(name(other)) (cosine of the means \(rounded(Double(index.likeness(entry, other)))))",
                    advice: "two versions of one adapter: give the better one a higher `priority`, or make one the `canary` of the other; "
                        + "else write examples that tell them apart")
            }
        }
    }

    /// Examples that say what an earlier one says.
    private func repetitions(_ entry: Int) -> [RouteDiagnosis] {
        let examples = index.entries[entry].examples
        var similarities = [Float](repeating: 0, count: examples.texts.count)
        var repeated: [String] = []
        for row in examples.texts.indices.dropFirst() {
            similarities.withUnsafeMutableBufferPointer { output in
                examples.withRow(row) { examples.similarities(to: $0, into: output) }
            }
            if similarities[..<row].contains(where: { $0 >= Self.same }) { repeated.append(examples.texts[row]) }
        }
        guard repeated.count >= 3, 5 * repeated.count >= examples.texts.count else { return [] }
        return [
            RouteDiagnosis(
                .note, .repetition, name(entry), "\(repeated.count) of its \(examples.texts.count) texts say nearly what another one says",
                advice: "replace them by others: what is said twice teaches nothing", texts: Array(repeated.prefix(Self.shown)))
        ]
    }

    private func long(_ entry: Int) -> [RouteDiagnosis] {
        let limit = encoderTokens * Self.bytesPerToken
        let texts = index.entries[entry].definition.examples.filter { $0.utf8.count > limit }
        guard !texts.isEmpty else { return [] }
        return [
            RouteDiagnosis(
                .note, .long, name(entry), "\(texts.count) of its examples \(texts.count == 1 ? "is" : "are") longer than the encoder reads (\(limit) bytes, roughly)",
                advice: "shorten them to what tells what is asked", texts: texts.prefix(Self.shown).map { "\($0.prefix(120))…" })
        ]
    }

    // MARK: By the rules

    private func judged(_ entry: Int, _ examples: [SecondOpinion.Example]) -> [RouteDiagnosis] {
        guard !examples.isEmpty else { return [] }
        return shadow(entry, examples) + mislabelled(entry, examples) + strays(entry, examples) + threshold(entry, examples)
    }

    /// Adapters that are alike take each other's examples anyway.
    private func isRival(_ other: Int?, of entry: Int) -> Bool { other.map { !index.likes(of: entry).contains($0) } ?? false }

    private func shadow(_ entry: Int, _ examples: [SecondOpinion.Example]) -> [RouteDiagnosis] {
        let lost = examples.filter { $0.rival > $0.own && isRival($0.rivalEntry, of: entry) }
        let winners = Dictionary(grouping: lost, by: { $0.rivalEntry ?? entry })
        guard let (winner, texts) = winners.max(by: { ($0.value.count, $1.key) < ($1.value.count, $0.key) }), 2 * texts.count > examples.count
        else { return [] }
        return [
            RouteDiagnosis(
                .error, .shadowed, name(entry), other: name(winner),
                "\(texts.count) of its \(examples.count) texts would go to \(name(winner)), had the router not seen them",
                advice: "add examples of what only \(name(entry)) is for, and take those away from \(name(winner)) that are not its own",
                texts: texts.prefix(Self.shown).map(\.text))
        ]
    }

    private func mislabelled(_ entry: Int, _ examples: [SecondOpinion.Example]) -> [RouteDiagnosis] {
        let suspects = examples.filter { $0.rival - $0.own >= Self.mislabelled && isRival($0.rivalEntry, of: entry) }
        return Dictionary(grouping: suspects, by: { $0.rivalEntry ?? entry }).map { other, suspects in
            let sorted = suspects.sorted { $0.rival - $0.own > $1.rival - $1.own }
            return RouteDiagnosis(
                .warning, .mislabelled, name(entry), other: name(other),
                "\(sorted.count) of its examples \(sorted.count == 1 ? "looks" : "look") like \(sorted.count == 1 ? "one" : "some") of \(name(other))",
                advice: "move what belongs to \(name(other)); leave what is right: the router learns from it", texts: sorted.prefix(Self.shown).map(\.text))
        }
    }

    private func strays(_ entry: Int, _ examples: [SecondOpinion.Example]) -> [RouteDiagnosis] {
        let strays = examples.filter { $0.nearest < Self.stray && $0.text != index.entries[entry].definition.description }
        guard !strays.isEmpty, examples.count >= Self.few.error else { return [] }
        return [
            RouteDiagnosis(
                .note, .stray, name(entry), "\(strays.count) of its examples \(strays.count == 1 ? "is" : "are") near no other text",
                advice: "see whether they are meant; if so, add more of their kind",
                texts: strays.sorted { $0.nearest < $1.nearest }.prefix(Self.shown).map(\.text))
        ]
    }

    private func threshold(_ entry: Int, _ examples: [SecondOpinion.Example]) -> [RouteDiagnosis] {
        let threshold = index.entries[entry].definition.threshold ?? policy.threshold
        if threshold < 0.05 {
            return [
                RouteDiagnosis(
                    .warning, .threshold, name(entry), "its threshold of \(rounded(threshold)) keeps nothing away",
                    advice: "0.5 leaves to the base what is probably for nobody")
            ]
        }
        let reached = examples.count { $0.probability >= threshold }
        guard examples.count >= Self.few.error, 2 * reached < examples.count, index.likes(of: entry).isEmpty else { return [] }
        return [
            RouteDiagnosis(
                .warning, .threshold, name(entry),
                "only \(reached) of its \(examples.count) texts would reach its threshold of \(rounded(threshold)), had the router not seen them",
                advice: "add examples, or lower `threshold`: the median of its texts has \(rounded(median(examples.map(\.probability))))")
        ]
    }

    private func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
    private func rounded(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
}
