import Adapters
import JSON
import Routing

/// What a check of a folder found, for people and for programs.
struct InspectionFinding {
    let name: String
    let inspection: AdapterInspection
    let route: RouteFinding
    /// Adapters whose routing examples are nearly the same.
    let overlaps: [(name: String, similarity: Float)]
    /// The adapter that gets most of its texts while this one is not there.
    let claim: RouteClaim?
    /// Adapters with nearly the same effect; nil when they were not compared.
    let likenesses: [AdapterLikeness]?
    /// Nil when the model was not run.
    let change: LogitChange?

    /// The folder would load, change what the base answers, and leave answers possible.
    var takesEffect: Bool { inspection.takesEffect && change?.isFinite != false }

    /// What the run of the model shows to be wrong.
    private var brokenLogits: String? {
        guard let change, !change.isFinite else { return nil }
        return "with the adapter, logits are no finite numbers, or are all 0, at \(change.brokenPositions) of \(change.tokens) positions: its weights are too large,"
            + " and no answer can be drawn"
    }

    var json: JSONValue {
        let summary = inspection.summary
        return [
            "name": .string(name), "folder": .string(inspection.folder), "takes_effect": .bool(takesEffect),
            "format": inspection.format.map { .string($0.rawValue) } ?? .null,
            "family": summary.map { .string($0.family) } ?? .null,
            "rank": summary?.ranks.map { .integer(Int64($0.upperBound)) } ?? .null,
            "alpha": summary?.alpha.map(JSONValue.number) ?? .null,
            "targets": .array((summary?.targets ?? []).map(JSONValue.string)),
            "parameters": .integer(Int64(summary?.parameters ?? 0)), "file_bytes": .integer(Int64(inspection.fileBytes)),
            "bytes": .integer(Int64(inspection.residentBytes)), "version": inspection.version.map(JSONValue.string) ?? .null,
            "chat_template": .bool(inspection.hasChatTemplate),
            "notices": .array((summary?.notices ?? []).map(JSONValue.string)),
            "effects": EffectTable.json(inspection.effects),
            "idle_targets": .array(inspection.idleTargets.map(JSONValue.string)),
            "logit_change": change.map(Self.json) ?? .null, "routing": route.json,
            "near_duplicates": .array(
                overlaps.map { ["adapter": .string($0.name), "similarity": .number(Double($0.similarity))] }),
            "taken_from": claim?.json ?? .null,
            "similar_weights": likenesses.map { others in .array(others.map(Self.json)) } ?? .null,
            "unused_tensors": tensors(.unreadTensor), "missing_tensors": tensors(.missingTensor),
            "problems": .array(
                inspection.problems.map { ["code": .string($0.code.rawValue), "message": .string("\($0)")] }
                    + (brokenLogits.map { [["code": "nonFinite", "message": .string($0)]] } ?? [])),
        ]
    }

    private func tensors(_ code: AdapterError.Code) -> JSONValue {
        .array(inspection.problems.filter { $0.code == code }.compactMap(\.tensor).map(JSONValue.string))
    }

    private static func json(_ change: LogitChange) -> JSONValue {
        func token(_ token: LogitChange.Token) -> JSONValue {
            ["text": .string(token.text), "probability": .number(token.probability)]
        }
        return [
            "prompt": .string(change.prompt), "tokens": .integer(Int64(change.tokens)), "mean_kl": .number(change.divergence),
            "same_best_token": .number(change.agreement), "finite": .bool(change.isFinite), "base": token(change.base), "adapted": token(change.adapted),
        ]
    }

    static func json(_ likeness: AdapterLikeness) -> JSONValue {
        [
            "adapter": .string(likeness.name), "similarity": .number(likeness.similarity), "copy": .bool(likeness.isCopy),
        ]
    }
}

extension InspectionFinding {
    var text: String {
        (summaryLines + effectLines + routingLines + problemLines).joined(separator: "\n")
    }

    private var summaryLines: [String] {
        var lines = ["\(name)  \(takesEffect ? "takes effect" : inspection.takesEffect ? "can NOT be served" : "does NOT take effect")"]
        if let summary = inspection.summary {
            let rank = summary.ranks.map { ", rank \($0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound) to \($0.upperBound)")" }
            let alpha = summary.alpha.map { ", alpha \($0)" }
            let format = inspection.format == .gguf ? ", from a GGUF file" : ""
            lines.append("family      \(summary.family)\(rank ?? "")\(alpha ?? "")\(format)")
            lines.append("targets     \(summary.targets.joined(separator: ", ")); \(summary.patchCount) modules")
            lines.append(
                "parameters  \(summary.parameters); \(Figure.bytes(inspection.fileBytes)) on disk, "
                    + "\(Figure.bytes(inspection.residentBytes)) in memory")
            if let made = summary.baseModelName { lines.append("made for    \(made)") }
            lines += summary.notices.map { "notice      \($0)" }
        }
        if let version = inspection.version { lines.append("version     \(version)") }
        if inspection.hasChatTemplate { lines.append("template    its own") }
        return lines
    }

    private var effectLines: [String] {
        var lines = EffectTable(inspection.effects).lines
        let idle = inspection.idleTargets
        if let first = idle.first {
            lines.append("idle        \(idle.count) targets change nothing: \(first)\(idle.count > 1 ? ", …" : "")")
        }
        if inspection.dependsOnRequest { lines.append("logits      it acts on what a request's text asks for") }
        if let change, change.isFinite {
            let (before, after) = (Self.shown(change.base), Self.shown(change.adapted))
            lines.append(
                "logits      KL \(Figure.decimals(change.divergence, 3)) nats a token over \(change.tokens) tokens, "
                    + "\(Figure.decimals(change.agreement * 100, 0)) % with the same best token")
            lines.append("next token  \(before) without it, \(after) with it")
        }
        return lines
    }

    private static func shown(_ token: LogitChange.Token) -> String {
        "\(token.text.debugDescription) (\(Figure.decimals(token.probability, 2)))"
    }

    private var routingLines: [String] {
        let count = route.definition?.examples.count ?? 0
        let found = "\(count == 0 ? "the description" : "\(count) examples") from \(route.definition?.source ?? "nowhere")"
        return ["routing     \(route.problem ?? found)"]
            + overlaps.map { other in
                "near        \(other.name): examples \(Figure.decimals(Double(other.similarity), 3)) alike; "
                    + "the router can hardly tell them apart"
            }
            + (claim.map {
                ["takes       from \($0.other): without it, \($0.texts) of \($0.looked) of its texts would go there, such as \"\($0.example)\""]
            } ?? [])
            + (likenesses ?? []).map(Self.line)
    }

    static func line(_ other: AdapterLikeness) -> String {
        other.isCopy
            ? "copy        \(other.name) is the same adapter, byte for byte"
            : "similar     \(other.name): it changes the base in nearly the same way (cosine \(Figure.decimals(other.similarity, 3)))"
    }

    private var problemLines: [String] {
        var lines = inspection.problems.map { "problem     \($0)" }
        let more = inspection.problemCount - inspection.problems.count
        if more > 0 { lines.append("            … and \(more) more") }
        if let brokenLogits { lines.append("problem     \(brokenLogits)") }
        return lines
    }
}
