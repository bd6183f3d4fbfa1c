import Foundation
import Hub
import Models

/// The hub of this process's environment, with Ctrl-C kept: what was fetched stays for the next run.
struct HubAccess {
    private let reporter: PullReporter

    init(_ reporter: PullReporter = PullReporter(json: false)) { self.reporter = reporter }

    func pull(_ reference: HubReference, _ wish: FileWish = FileWish()) throws(HubError) -> HubSnapshot {
        try interruptible { hub throws(HubError) in try hub.pull(reference, wish) }
    }

    /// What the cache has, else as `pull`.
    func resolve(_ reference: HubReference, _ wish: FileWish = FileWish()) throws(HubError) -> HubSnapshot {
        try interruptible { hub throws(HubError) in try hub.resolve(reference, wish) }
    }

    private func interruptible(_ body: (Hub) throws(HubError) -> HubSnapshot) throws(HubError) -> HubSnapshot {
        let settings = try HubSettings(environment: ProcessInfo.processInfo.environment)
        let interruption = Interruption()
        let watch = InterruptWatch(interruption, saying: "the fetch stops, and the next run goes on with it; a second Ctrl-C ends it at once")
        defer { watch.stop() }
        return try body(Hub(settings, isInterrupted: { interruption.isSet }, report: reporter.tell))
    }

    /// The path that a setting's value means: that of a hub's model once it is in the cache, else the value itself.
    static func path(_ value: String) throws(HubError) -> String {
        guard HubReference.isReference(value) else { return value }
        let snapshot = try HubAccess().resolve(try HubReference(value))
        guard !snapshot.isAdapter else {
            throw HubError(.invalid, "an adapter, and a model is expected here; `lmoe adapters add \(value)` adds it", place: value)
        }
        return snapshot.path
    }
}
