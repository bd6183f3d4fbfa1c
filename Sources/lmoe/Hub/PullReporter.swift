import Foundation
import Hub
import JSON

/// Tells what happens while something is fetched: JSON lines on stdout, or the result on stdout and the progress on stderr.
final class PullReporter {
    private let json: Bool
    private var bar: ProgressBar?
    private var percent = -1

    init(json: Bool) { self.json = json }

    func tell(_ event: HubEvent) {
        if json { write(event) } else { show(event) }
    }

    /// The end.
    func tell(_ snapshot: HubSnapshot) {
        if json { return write(snapshot.json) }
        print("\(snapshot.reference)  \(snapshot.isAdapter ? "an adapter" : "a model"), commit \(snapshot.commit.prefix(12))")
        print("  path     \(snapshot.path)")
        let origin = snapshot.fetchedFiles == 0 ? "all were there" : "\(snapshot.fetchedFiles) fetched, \(Figure.bytes(snapshot.fetchedBytes))"
        print("  files    \(snapshot.files.count), \(Figure.bytes(snapshot.byteCount)); \(origin)")
        print("  licence  \(snapshot.card.license ?? "the model card names none")\(snapshot.card.licenseLink.map { " (\($0))" } ?? "")")
        if !snapshot.card.baseModels.isEmpty { print("  base     \(snapshot.card.baseModels.joined(separator: ", "))") }
        print("  use it   lmoe \(snapshot.isAdapter ? "adapters add" : "serve --base") \(snapshot.reference)")
    }

    func tell(_ error: HubError) {
        guard json else { return }
        write(["event": "failed", "code": .string(error.code.rawValue), "message": .string(error.description)])
    }

    // MARK: For people

    private func show(_ event: HubEvent) {
        switch event {
        case .resolved(let reference, let commit): Terminal.progress("\(reference) is at commit \(commit.prefix(12))")
        case .planned(let files, let bytes):
            guard bytes > 0 else { return }
            Terminal.progress("fetching \(Figure.bytes(bytes)) of \(files.count) files")
            bar = ProgressBar("fetching", total: bytes)
        case .progress(let done, _): bar?.advance(to: done)
        case .waiting(let file): say("another process fetches \(file); waiting for it")
        case .restarted(let file, let reason): say("\(file) is fetched from its beginning: \(reason)")
        case .retry(_, let reason, let milliseconds):
            say("\(reason); again in \((milliseconds + 999) / 1_000) s")
        case .started, .finished: break
        }
    }

    /// On a line of its own, where the bar has begun one.
    private func say(_ message: String) { Terminal.say((bar != nil && Terminal.errorIsTerminal ? "\n" : "") + "lmoe: \(message)") }

    // MARK: For programs

    private func write(_ object: JSONObject) { Terminal.write(JSONValue.object(object).serialized() + "\n") }

    private func write(_ event: HubEvent) {
        switch event {
        case .resolved(let reference, let commit):
            write(["event": "resolved", "reference": .string(reference.description), "commit": .string(commit)])
        case .planned(let files, let bytes):
            write(["event": "plan", "files": .array(files.map(\.json)), "bytes_to_fetch": .integer(Int64(bytes))])
        case .waiting(let file): write(["event": "waiting", "file": .string(file)])
        case .started(let file, let done):
            write(["event": "start", "file": .string(file.name), "bytes": .integer(Int64(file.size)), "resumed_at": .integer(Int64(done))])
        case .progress(let done, let total):
            // A line for each percent.
            let now = total > 0 ? done * 100 / total : 100
            guard now != percent else { return }
            percent = now
            write(["event": "progress", "bytes": .integer(Int64(done)), "bytes_to_fetch": .integer(Int64(total))])
        case .restarted(let file, let reason): write(["event": "restart", "file": .string(file), "reason": .string(reason)])
        case .retry(let what, let reason, let milliseconds):
            write(["event": "retry", "about": .string(what), "reason": .string(reason.message), "wait_ms": .integer(Int64(milliseconds))])
        case .finished(let file, let isFetched):
            write(["event": "file", "file": .string(file.name), "bytes": .integer(Int64(file.size)), "fetched": .bool(isFetched)])
        }
    }
}

extension HubFile {
    fileprivate var json: JSONValue { ["file": .string(name), "bytes": .integer(Int64(size)), "hash": .string(hash)] }
}

extension HubSnapshot {
    fileprivate var json: JSONObject {
        [
            "event": "done", "reference": .string(reference.description), "commit": .string(commit), "kind": isAdapter ? "adapter" : "model",
            "path": .string(path), "folder": .string(folder), "files": .integer(Int64(files.count)), "bytes": .integer(Int64(byteCount)),
            "fetched_files": .integer(Int64(fetchedFiles)), "fetched_bytes": .integer(Int64(fetchedBytes)),
            "license": card.license.map(JSONValue.string) ?? .null, "license_link": card.licenseLink.map(JSONValue.string) ?? .null,
            "base_model": .array(card.baseModels.map(JSONValue.string)),
        ]
    }
}
