import ArgumentParser
import Gateway
import JSON
import Routing

/// `lmoe route doctor`: finds what is wrong with the adapters' routing data.
struct RouteDoctor: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look for overlapping adapters, thin or misplaced examples and thresholds that do not fit.",
        discussion: """
            EXAMPLES
              lmoe route doctor
              lmoe route doctor --adapters team/adapters --routes team/routes
              lmoe route doctor --json | jq '.findings[] | select(.severity == "error")'

            Every example is judged as if the router had never seen it. Status 3 says \
            that there are errors; warnings and notes leave it at 0.
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var folders: FolderOptions
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")

    func run() throws {
        let workspace = try Workspace(model, flags: folders.flags)
        let library = try workspace.configuration.openLibrary(
            for: workspace.configuration.openBaseWeights(), embedder: workspace.encoder.open())
        guard let router = library.router else { throw Failure.usage("routing needs an encoder: --encoder") }
        let refresh = library.refresh()
        if let failure = refresh.routerFailure { throw Failure(message: "the router cannot be built: \(failure)") }
        let examples = library.shelf.entries.values.reduce(0) { $0 + ($1.route?.indexedTexts.count ?? 0) }
        var bar = ProgressBar("looking at \(examples) examples", total: examples)
        let judged = router.diagnoses { done, _ in bar.advance(to: done) }
        let findings = (files(library, refresh) + judged).sorted(by: RouteDiagnosis.isBefore)
        if json {
            let document: JSONValue = [
                "adapters": .integer(Int64(library.shelf.names.count)), "routable": .integer(Int64(router.routableAdapters.count)),
                "examples": .integer(Int64(examples)), "findings": .array(findings.map(\.json)),
            ]
            print(document.serialized(pretty: true))
        } else {
            print(DoctorText(findings: findings, adapters: router.routableAdapters.count, examples: examples).text)
        }
        if findings.contains(where: { $0.severity == .error }) { throw ExitCode(ExitStatus.no.rawValue) }
    }

    /// What the files themselves show.
    private func files(_ library: AdapterLibrary, _ refresh: AdapterLibrary.Refresh) -> [RouteDiagnosis] {
        var found = refresh.routingProblems.map { name, problem in
            RouteDiagnosis(.error, .unreadable, name, problem, advice: "correct the file; until then its last good version is in force, or nothing")
        }
        found += refresh.ruleProblems.map { owner, problem in
            RouteDiagnosis(.warning, .rule, owner, problem, advice: "correct the name, or add the folder")
        }
        // Those that are not the problem of an adapter.
        for doubt in refresh.doubts where !refresh.routingProblems.values.contains(where: doubt.contains) {
            found.append(
                RouteDiagnosis(
                    .error, .unreadable, "routes", doubt, advice: "correct the file or its permissions; until then access is closed where it may say so"))
        }
        for (name, reason) in library.shelf.refusals {
            found.append(RouteDiagnosis(.error, .unreadable, name, "it is not served: \(reason)", advice: "lmoe adapters check \(name)"))
        }
        for entry in library.shelf.entries.values where refresh.routingProblems[entry.name] == nil {
            guard let problem = entry.routingProblem else { continue }
            found.append(
                RouteDiagnosis(
                    .note, .noExamples, entry.name, problem,
                    advice: entry.route?.isEnabled == false ? "`enabled: true` lets the router choose it" : "write `route.yaml` with examples; see docs/routing.md"))
        }
        return found
    }
}
