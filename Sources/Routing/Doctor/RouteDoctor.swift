internal import Tensors

/// Looks through the examples of an index for what makes routing worse: adapters that take each other's texts, examples of the wrong
/// adapter, too few examples, thresholds that do not fit.
///
/// The judge is the router itself: each example is scored by rules that were not trained on it (`SecondOpinion`).
struct RouteDoctor {
    let index: RouteIndex
    let policy: RoutePolicy
    let encoderTokens: Int

    /// The lead of another adapter's score from which on an example counts as misplaced; docs/routing.md says how many planted faults this
    /// finds.
    static let mislabelled: Float = 0.3
    /// The cosine with the nearest other example below which a text is similar to none.
    private static let stray: Float = 0.35
    /// The cosine from which on two texts count as the same.
    private static let same: Float = 0.98
    private static let few = (error: 5, note: 20)
    /// Roughly; longer texts are cut by the encoder.
    private static let bytesPerToken = 3

    func diagnoses(progress: (_ done: Int, _ total: Int) -> Void) -> [RouteDiagnosis] {
        var found = shared() + outOfScope() + alike()
        let opinion = SecondOpinion(index)
        let total = index.entries.reduce(0) { $0 + $1.examples.texts.count }
        var done = 0
        var told: Set<Set<ContentDigest>> = []
        for entry in index.entries.indices {
            found += amount(entry) + repetitions(entry) + long(entry)
            if let opinion, index.entries.count > 1 {
                let examples = opinion.examples(entry)
                found += judged(entry, examples) + nearlyShared(entry, examples, &told)
            }
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
                advice: isFew ? "add more: with 5 the router is right about nine times of ten, with 20 or more clearly more often" : "20 or more are better")
        ]
    }

    /// Texts that several adapters have, apart from letter case and white space.
    private func shared() -> [RouteDiagnosis] {
        var owners: [ContentDigest: Int] = [:]
        var texts: [[Int]: [String]] = [:]
        for (entry, content) in index.entries.enumerated() {
            for text in content.definition.examples {
                let key = plain(text)
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
                "\(texts.count) of its examples \(texts.count == 1 ? "is an example" : "are examples") of \(name(pair[0])) as well",
                advice: "keep each text only with the adapter that should answer it", evidence: texts.map { .init($0) })
        }
    }

    /// Equal for texts that differ in letter case and white space only.
    private func plain(_ text: String) -> ContentDigest { ContentDigest(of: TextScan.singleSpaced(text.lowercased())) }

    /// Out-of-scope texts of the operator that are also examples of an adapter.
    private func outOfScope() -> [RouteDiagnosis] {
        let outOfScope = Set((index.outOfScope?.texts ?? []).map(plain)).subtracting(BackgroundTexts.all.map(plain))
        return index.entries.indices.compactMap { entry in
            let texts = index.entries[entry].definition.examples.filter { outOfScope.contains(plain($0)) }
            guard !texts.isEmpty else { return nil }
            return RouteDiagnosis(
                .error, .sharedExample, name(entry),
                "\(texts.count) of its examples \(texts.count == 1 ? "is" : "are") also among the out-of-scope texts (none.jsonl)",
                advice: "remove each from one of the two files", evidence: texts.map { .init($0) })
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

    /// Examples that are nearly the same as an earlier one.
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
                .note, .repetition, name(entry), "\(repeated.count) of its \(examples.texts.count) texts are nearly the same as another one",
                advice: "replace them by different ones: a repeated text teaches the router nothing", evidence: repeated.map { .init($0) })
        ]
    }

    private func long(_ entry: Int) -> [RouteDiagnosis] {
        let limit = encoderTokens * Self.bytesPerToken
        let texts = index.entries[entry].definition.examples.filter { $0.utf8.count > limit }
        guard !texts.isEmpty else { return [] }
        return [
            RouteDiagnosis(
                .note, .long, name(entry), "\(texts.count) of its examples \(texts.count == 1 ? "is" : "are") longer than the encoder reads (\(limit) bytes, roughly)",
                advice: "shorten them to the part that says what is asked", evidence: texts.map { .init("\(TextScan.prefix($0[...], bytes: 120))…") })
        ]
    }

    // MARK: By the rules

    private func judged(_ entry: Int, _ examples: [SecondOpinion.Example]) -> [RouteDiagnosis] {
        guard !examples.isEmpty else { return [] }
        return shadow(entry, examples) + mislabelled(entry, examples) + strays(entry, examples) + threshold(entry, examples)
    }

    /// Adapters that are alike take each other's examples in any case, and are not counted as rivals.
    private func isRival(_ other: Int?, of entry: Int) -> Bool { other.map { !index.likes(of: entry).contains($0) } ?? false }

    private func shadow(_ entry: Int, _ examples: [SecondOpinion.Example]) -> [RouteDiagnosis] {
        let lost = examples.filter { $0.rival > $0.own && isRival($0.rivalEntry, of: entry) }
        let winners = Dictionary(grouping: lost, by: { $0.rivalEntry ?? entry })
        guard let (winner, texts) = winners.max(by: { ($0.value.count, $1.key) < ($1.value.count, $0.key) }), 2 * texts.count > examples.count
        else { return [] }
        return [
            RouteDiagnosis(
                .error, .shadowed, name(entry), other: name(winner),
                "\(texts.count) of its \(examples.count) texts would go to \(name(winner)) if the router had not been trained on them",
                advice: "add examples of what only \(name(entry)) is for, and remove from \(name(winner)) those that are not its own",
                evidence: texts.sorted { $0.rival - $0.own > $1.rival - $1.own }.map(evidence))
        ]
    }

    private func evidence(_ example: SecondOpinion.Example) -> RouteDiagnosis.Evidence {
        .init(
            example.text, own: Double(example.own), rival: example.rivalEntry.map { .init(adapter: name($0), score: Double(example.rival)) },
            nearest: example.nearestRival.map { .init(text: $0.text, similarity: Double($0.similarity)) })
    }

    private func mislabelled(_ entry: Int, _ examples: [SecondOpinion.Example]) -> [RouteDiagnosis] {
        // A description cannot be moved.
        let description = index.entries[entry].definition.description
        let suspects = examples.filter {
            $0.rival - $0.own >= Self.mislabelled && isRival($0.rivalEntry, of: entry) && $0.text != description
        }
        guard !suspects.isEmpty else { return [] }
        let others = Set(suspects.compactMap(\.rivalEntry))
        let other = others.count == 1 ? others.first.map(name) : nil
        return [
            RouteDiagnosis(
                .warning, .mislabelled, name(entry), other: other,
                "\(suspects.count) of its \(examples.count) texts \(suspects.count == 1 ? "looks" : "look") like "
                    + (other.map { "\($0)'s" } ?? "those of \(others.count) other adapters"),
                advice: "move the texts that belong to another adapter, and keep those that are right: the router learns from them",
                evidence: suspects.sorted { $0.rival - $0.own > $1.rival - $1.own }.map(evidence))
        ]
    }

    /// Texts that are nearly the same as one of another adapter, apart from equal ones. A pair is reported once.
    private func nearlyShared(_ entry: Int, _ examples: [SecondOpinion.Example], _ told: inout Set<Set<ContentDigest>>) -> [RouteDiagnosis] {
        var found: [Int: [RouteDiagnosis.Evidence]] = [:]
        for example in examples where isRival(example.rivalEntry, of: entry) {
            guard let rival = example.rivalEntry, let near = example.nearestRival, near.similarity >= Self.same else { continue }
            let pair: Set<ContentDigest> = [plain(example.text), plain(near.text)]
            guard pair.count == 2, told.insert(pair).inserted else { continue }
            found[rival, default: []].append(evidence(example))
        }
        return found.map { rival, evidence in
            RouteDiagnosis(
                .warning, .nearlyShared, name(entry), other: name(rival),
                "\(evidence.count) of its texts \(evidence.count == 1 ? "is" : "are") nearly the same as \(evidence.count == 1 ? "one" : "some") of \(name(rival))",
                advice: "keep each with the adapter that should answer it", evidence: evidence)
        }
    }

    private func strays(_ entry: Int, _ examples: [SecondOpinion.Example]) -> [RouteDiagnosis] {
        let strays = examples.filter { $0.nearest < Self.stray && $0.text != index.entries[entry].definition.description }
        guard !strays.isEmpty, examples.count >= Self.few.error else { return [] }
        return [
            RouteDiagnosis(
                .note, .stray, name(entry), "\(strays.count) of its examples \(strays.count == 1 ? "is" : "are") similar to no other text",
                advice: "check whether they are right; if so, add more like them",
                evidence: strays.sorted { $0.nearest < $1.nearest }.map { stray in
                    let near = [stray.nearestOwn, stray.nearestRival].compactMap(\.self).max { $0.similarity < $1.similarity }
                    return .init(stray.text, nearest: near.map { .init(text: $0.text, similarity: Double($0.similarity)) })
                })
        ]
    }

    private func threshold(_ entry: Int, _ examples: [SecondOpinion.Example]) -> [RouteDiagnosis] {
        let threshold = index.entries[entry].definition.threshold ?? policy.threshold
        if threshold < 0.05 {
            return [
                RouteDiagnosis(
                    .warning, .threshold, name(entry), "its threshold of \(rounded(threshold)) refuses nothing",
                    advice: "0.5 leaves to the base what is probably out of scope")
            ]
        }
        let reached = examples.count { $0.probability >= threshold }
        guard examples.count >= Self.few.error, 2 * reached < examples.count, index.likes(of: entry).isEmpty else { return [] }
        return [
            RouteDiagnosis(
                .warning, .threshold, name(entry),
                "only \(reached) of its \(examples.count) texts would reach its threshold of \(rounded(threshold)) if the router had not been trained on them",
                advice: "add examples, or lower `threshold`: the median of its texts has \(rounded(median(examples.map(\.probability))))")
        ]
    }

    private func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
    private func rounded(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
}
