internal import Files
internal import JSON

/// What a model card says of the licence and of the base: `cardData` of the hub, or the head of the `README.md`.
public struct ModelCard: Sendable, Equatable {
    /// Such as `apache-2.0`; for a licence of the model's own its name.
    public var license: String?
    /// Where its text is.
    public var licenseLink: String?
    /// The models that this one was made from.
    public var baseModels: [String] = []

    public init() {}

    /// Of the hub's answer.
    init(_ data: JSONValue) {
        let text = { (key: String) in data[key]?.stringValue.map(HubError.shown).flatMap { $0.isEmpty ? nil : $0 } }
        set(license: text("license") ?? data["license"]?.arrayValue?.first?.stringValue.map(HubError.shown), name: text("license_name"))
        licenseLink = text("license_link")
        baseModels = (text("base_model").map { [$0] } ?? data["base_model"]?.arrayValue?.compactMap { $0.stringValue.map(HubError.shown) } ?? [])
        baseModels = Array(baseModels.prefix(16))
    }

    /// Of the head of a `README.md`: the lines between two `---`. Only plain values and lists of them are read.
    init(readme: String) {
        var lines = readme.split(omittingEmptySubsequences: false) { $0.isNewline }.prefix(2_000)
        guard lines.popFirst()?.trimmed() == "---", let end = lines.firstIndex(where: { $0.trimmed() == "---" }) else { return }
        var values: [String: [String]] = [:]
        var key = ""
        for line in lines[..<end] {
            let item = line.trimmed()
            if item.hasPrefix("- ") {
                values[key, default: []].append(Self.plain(item.dropFirst(2)))
            } else if line.first?.isWhitespace == false, let colon = line.firstIndex(of: ":") {
                key = String(line[..<colon])
                let value = Self.plain(line[line.index(after: colon)...])
                if !value.isEmpty { values[key] = [value] }
            }
        }
        set(license: values["license"]?.first, name: values["license_name"]?.first)
        licenseLink = values["license_link"]?.first
        baseModels = Array((values["base_model"] ?? []).prefix(16))
    }

    /// The card of a folder; an empty one where there is none that can be read. An adapter's configuration names its base as well.
    init(folder: String, limits: HubLimits) throws(HubError) {
        self.init(readme: try Self.text("\(folder)/README.md", limits) ?? "")
        guard baseModels.isEmpty, let text = try Self.text("\(folder)/adapter_config.json", limits) else { return }
        do throws(JSONError) {
            baseModels = try JSONValue.parse(text)["base_model_name_or_path"]?.stringValue.map { [HubError.shown($0)] } ?? []
        } catch {
            // Loading the adapter reports what is wrong with it.
            baseModels = []
        }
    }

    /// Nil for what is not there. A card of another form says nothing; it is no reason to refuse the model.
    private static func text(_ path: String, _ limits: HubLimits) throws(HubError) -> String? {
        do throws(FileError) {
            return try RegularFile.text(path, limitBytes: limits.cardBytes)
        } catch {
            switch error.code {
            case .notFound, .danglingLink, .notText, .limitExceeded: return nil
            default: throw HubError(error)
            }
        }
    }

    private mutating func set(license: String?, name: String?) {
        self.license = license == "other" ? name ?? license : license ?? name
    }

    private static func plain(_ text: some StringProtocol) -> String {
        var text = text.trimmed()
        for quote in ["\"", "'"] where text.count >= 2 && text.hasPrefix(quote) && text.hasSuffix(quote) {
            text = String(text.dropFirst().dropLast())
        }
        return HubError.shown(text)
    }

    /// What this card does not say, from another.
    func completed(by other: ModelCard) -> ModelCard {
        var card = self
        card.license = license ?? other.license
        card.licenseLink = licenseLink ?? other.licenseLink
        if baseModels.isEmpty { card.baseModels = other.baseModels }
        return card
    }
}
