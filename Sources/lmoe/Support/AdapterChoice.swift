import Adapters
import Gateway
import Generation
import Serving

/// The adapter that a command names: a name, `base`, or nothing (`auto`), which asks the router.
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

    /// The adapter that was named.
    var name: String? {
        guard case .named(let name) = self else { return nil }
        return name
    }

    /// For the serving layer.
    ///
    /// - Parameter question: asked where the router decides.
    func selection(_ question: RouteQuestion) -> RoutedPrompt.Selection {
        switch self {
        case .routed: .automatic(question)
        case .base: .base(reason: "the base model was asked for")
        case .named(let name): .adapter(name, reason: "the adapter was asked for by name")
        }
    }

    /// Throws a failure for a name that is not served, with the reason or with the names that are.
    func check(in library: AdapterLibrary) throws {
        guard let name, library.shelf.entries[name] == nil else { return }
        if let reason = library.store.status(name)?.refusal { throw Failure(message: "\(reason)") }
        let known = library.shelf.names.joined(separator: ", ")
        throw Failure(message: "there is no adapter `\(name)` in \(library.store.folder); there are: base, \(known)")
    }
}
