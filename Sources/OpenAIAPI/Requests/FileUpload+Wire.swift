/// `POST /v1/files`: the parts `file` and `purpose`, and `expires_after[anchor]` with `expires_after[seconds]`.
extension FileUpload {
    /// OpenAI's bounds: an hour to 30 days.
    private static let expirySeconds = 3_600...2_592_000
    /// Fewer than file systems allow: names that are written first have an ending more.
    private static let mostNameBytes = 200

    init(_ form: MultipartForm, fields: FieldPolicy, limits: FineTuningLimits) throws(APIError) {
        let known: Set = ["file", "purpose", "expires_after[anchor]", "expires_after[seconds]"]
        if !fields.isLenient, let unknown = form.parts.first(where: { !FieldPolicy.isKnown($0.name, known) }) {
            let name = String(unknown.name.prefix(80))
            throw APIError(.invalidRequest, "`\(name)`: \(fields.unknown)", param: name)
        }
        guard let purpose = try form.text("purpose") else {
            throw APIError(.invalidRequest, "`purpose`: missing; expected `fine-tune`", param: "purpose")
        }
        guard purpose == "fine-tune" else {
            throw APIError(.invalidRequest, "`purpose`: this server keeps files for `fine-tune` only, found `\(purpose)`", param: "purpose")
        }
        guard let part = try form.part("file") else { throw APIError(.invalidRequest, "`file`: missing; expected a file", param: "file") }
        guard let given = part.fileName, let name = Self.name(given) else {
            throw APIError(.invalidRequest, "`file`: it has no name; expected a part with `filename=`", param: "file")
        }
        guard !part.content.isEmpty else { throw APIError(.invalidRequest, "`file`: \(name) is empty", param: "file") }
        guard part.content.count <= limits.fileBytes else {
            throw APIError(
                .payloadTooLarge, "`file`: \(name) has \(part.content.count) bytes; at most \(limits.fileBytes) are taken", param: "file")
        }
        self.init(name: name, content: part.content, expiresAfterSeconds: try Self.expiry(form))
    }

    private static func expiry(_ form: MultipartForm) throws(APIError) -> Int? {
        let (anchor, seconds) = ("expires_after[anchor]", "expires_after[seconds]")
        let (givenAnchor, text) = (try form.text(anchor), try form.text(seconds))
        if givenAnchor == nil, text == nil { return nil }
        guard givenAnchor == "created_at" else {
            throw APIError(.invalidRequest, "`\(anchor)`: expected `created_at`, found \(givenAnchor.map { "`\($0)`" } ?? "nothing")", param: anchor)
        }
        guard let text, let value = Int(text), expirySeconds.contains(value) else {
            throw APIError(
                .invalidRequest,
                "`\(seconds)`: expected a whole number from \(expirySeconds.lowerBound) to \(expirySeconds.upperBound), found "
                    + (text.map { "`\($0)`" } ?? "nothing"), param: seconds)
        }
        return value
    }

    /// A name without folders and control characters; nil when nothing is left of it.
    private static func name(_ given: String) -> String? {
        let last = given.split { $0 == "/" || $0 == "\\" }.last.map(String.init) ?? ""
        var name = String.UnicodeScalarView(last.unicodeScalars.filter { $0.properties.generalCategory != .control })
        while String(name).utf8.count > mostNameBytes { name.removeLast() }
        let text = String(name)
        return text.isEmpty || text == "." || text == ".." ? nil : text
    }
}
