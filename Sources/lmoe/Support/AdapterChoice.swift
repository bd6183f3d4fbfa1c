import Adapters
import Gateway
import Routing

/// What a person said about the adapter: a name, `base`, or nothing (`auto`), which asks the router.
enum AdapterChoice: Equatable {
    case routed
    case base
    case named(String)

    /// Throws `invalidName` for names that no adapter can have, such as paths.
    init(_ text: String?) throws(AdapterError) {
        switch text {
        case nil, "auto", "lmoe": self = .routed
        case "base": self = .base
        case .some(let name):
            try AdapterName.check(name)
            self = .named(name)
        }
    }

    /// Which adapter answers `text`, and why. A name that is not served is a failure.
    func decide(_ text: String, in library: AdapterLibrary, top: Int = 5) throws -> RouteDecision {
        try decide(RoutingRequest(.text(text), top: top), in: library)
    }

    /// The same for a conversation, or for more than a text.
    func decide(_ request: RoutingRequest, in library: AdapterLibrary) throws -> RouteDecision {
        switch self {
        case .base: return .explicit(nil, reason: "the base model was asked for")
        case .named(let name):
            guard library.shelf.entries[name] != nil else { throw Self.unknown(name, library) }
            return .explicit(name, reason: "the adapter was asked for by name")
        case .routed:
            return try library.dispatcher.decide(request, rules: library.shelf.rules)
        }
    }

    private static func unknown(_ name: String, _ library: AdapterLibrary) -> Failure {
        if let reason = library.store.status(name)?.refusal { return Failure(message: "\(reason)") }
        let known = library.shelf.names.joined(separator: ", ")
        return Failure(message: "there is no adapter `\(name)` in \(library.store.folder); there are: base, \(known)")
    }
}
