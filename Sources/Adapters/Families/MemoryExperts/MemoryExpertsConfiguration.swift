internal import JSON

/// What the `adapter_config.json` of memory experts says about inference.
struct MemoryExpertsConfiguration: Sendable {
    static let keys = ConfigurationKeys([
        "peft_type": .read, "task_type": .read, "sites": .read, "k": .read, "n": .read, "theta": .read, "scale": .read,
        "query": .read, "select": .read, "expert_form": .read,
        "base_model_name_or_path": .noEffect, "base_model_identity": .noEffect, "encoder": .noEffect, "version": .noEffect,
        "seed": .noEffect, "peft_version": .noEffect, "inference_mode": .noEffect,
    ])

    /// What says which slices a request gets (`select`).
    enum Selection: Sendable, Equatable {
        /// The addresses of the fact whose key is nearest, from a cosine on that counts as meant (`theta`).
        case request(threshold: Double)
        /// The best addresses of a grid of so many keys a side, for every request.
        case productKeys(side: Int)

        var name: String {
            switch self {
            case .request: "request"
            case .productKeys: "product_keys"
            }
        }
    }

    /// Layers that carry memory, rising.
    let sites: [Int]
    /// Slices of a fact at all sites together; each site has as many.
    let slices: Int
    /// Addresses of a site: slots are below it.
    let addresses: Int
    let selection: Selection
    /// Factor of the sum of the slices.
    let scale: Double
    let baseModelName: String?

    var slicesPerSite: Int { slices / sites.count }

    private static let mostAddresses = 1 << 30

    /// Notes every value that cannot be served; nil when one of them is unreadable.
    init?(_ manifest: AdapterManifest, base: BaseModules, limits: AdapterLimits, problems: inout AdapterProblems) {
        let reader = ConfigurationReader(document: JSONCursor(.object(manifest.document)))
        for (key, served) in [("task_type", "CAUSAL_LM"), ("query", "encoder"), ("expert_form", "slice")] {
            let value = problems.noting { () throws(AdapterError) in try reader.text(key) ?? served }
            guard let value, value != served else { continue }
            problems.note(
                AdapterError(.unsupported, "\(quoted(value)); expected \(served)", file: AdapterFile.configuration, key: key))
        }
        let sites = problems.noting { () throws(AdapterError) in try Self.sites(reader, base) }
        let slices = problems.noting { () throws(AdapterError) in try reader.integer("k", in: 1...limits.rank) ?? 32 }
        let addresses = problems.noting { () throws(AdapterError) in
            try reader.integer("n", in: 1...Self.mostAddresses) ?? 1 << 20
        }
        let scale = problems.noting { () throws(AdapterError) in try reader.number("scale") ?? 1 }
        let selection = problems.noting { () throws(AdapterError) in try Self.selection(reader, addresses ?? 1) }
        guard let sites, let slices, let addresses, let scale, let selection else { return nil }
        guard slices % sites.count == 0 else {
            problems.note(
                AdapterError(
                    .malformed, "\(slices) slices for \(sites.count) sites; expected a multiple of \(sites.count)",
                    file: AdapterFile.configuration, key: "k"))
            return nil
        }
        (self.sites, self.slices, self.addresses) = (sites, slices, addresses)
        (self.selection, self.scale) = (selection, scale)
        baseModelName = manifest.baseModelName
    }

    private static func selection(_ reader: ConfigurationReader, _ addresses: Int) throws(AdapterError) -> Selection {
        func wrong(_ code: AdapterError.Code, _ message: String, _ key: String) -> AdapterError {
            AdapterError(code, message, file: AdapterFile.configuration, key: key)
        }
        switch try reader.text("select") ?? "request" {
        case "request":
            return .request(threshold: try reader.read("theta") { (value) throws(JSONError) in try value.double(in: -1...1) })
        case "product_keys":
            if try reader.number("theta") != nil {
                throw wrong(.unsupported, "product keys select for every request; expected no threshold", "theta")
            }
            let side = Int(Double(addresses).squareRoot().rounded())
            guard side * side == addresses else {
                throw wrong(.malformed, "\(addresses) addresses; product keys expect a square number, such as \(side * side)", "n")
            }
            return .productKeys(side: side)
        case let other:
            throw wrong(.unsupported, "\(quoted(other)); expected request or product_keys", "select")
        }
    }

    private static func sites(_ reader: ConfigurationReader, _ base: BaseModules) throws(AdapterError) -> [Int] {
        let sites = try reader.read("sites") { (value) throws(JSONError) -> [Int] in
            var sites: [Int] = []
            for element in try value.array() {
                let site = try element.int()
                guard site >= 0, site < base.layers else {
                    throw element.invalid("layer \(site); \(base.name) has the layers 0 to \(base.layers - 1)")
                }
                sites.append(site)
            }
            guard !sites.isEmpty else { throw value.invalid("an empty list: nothing would change") }
            return sites
        }
        guard zip(sites, sites.dropFirst()).allSatisfy({ $0 < $1 }) else {
            throw AdapterError(.malformed, "expected layers in rising order, each once", file: AdapterFile.configuration, key: "sites")
        }
        return sites
    }
}
