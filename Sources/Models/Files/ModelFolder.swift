internal import Glibc
internal import JSON
internal import Tensors

/// What a path names.
enum FileKind {
    case file
    case folder

    /// Follows links; nil when there is nothing.
    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self = status.st_mode & S_IFMT == S_IFDIR ? .folder : .file
    }
}

/// The small files beside the weights of a Hugging Face folder.
struct ModelFolder {
    /// Bytes of a JSON or template file; the largest real ones, tokenizers apart, are some 100 KB.
    static let fileBytes = 16 << 20

    let path: String

    init(_ path: String) { self.path = path }

    func has(_ name: String) -> Bool { FileKind("\(path)/\(name)") == .file }

    /// Errors: `notFound`, `malformed`, `limitExceeded`.
    func json(_ name: String) throws(ModelError) -> JSONValue {
        let file = try map(name)
        let parsed = Result { () throws(JSONError) in try JSONValue.parse(file.bytes) }
        try [file].checkWhole()
        do throws(JSONError) {
            return try parsed.get()
        } catch {
            throw ModelError(.malformed, error.description, file: file.path)
        }
    }

    /// `pad_token` of `tokenizer_config.json`: a text, or an object with one.
    func padding() throws(ModelError) -> String? {
        guard has("tokenizer_config.json") else { return nil }
        let token = try json("tokenizer_config.json")["pad_token"]
        return token?.stringValue ?? token?["content"]?.stringValue
    }

    /// `chat_template.jinja`, or `chat_template` of `tokenizer_config.json`: a text, or a list of named ones of which
    /// `default` is used. Nil when there is none.
    func chatTemplate() throws(ModelError) -> String? {
        if has("chat_template.jinja") { return try text("chat_template.jinja") }
        guard has("tokenizer_config.json") else { return nil }
        let template = try json("tokenizer_config.json")["chat_template"]
        return template?.stringValue ?? named("default", in: template)
    }

    /// A template for one use: `additional_chat_templates/NAME.jinja`, or the one of that name in the list of
    /// `tokenizer_config.json`. Nil when there is none.
    func chatTemplate(named name: String) throws(ModelError) -> String? {
        let file = "additional_chat_templates/\(name).jinja"
        if has(file) { return try text(file) }
        guard has("tokenizer_config.json") else { return nil }
        return named(name, in: try json("tokenizer_config.json")["chat_template"])
    }

    private func named(_ name: String, in templates: JSONValue?) -> String? {
        templates?.arrayValue?.first { $0["name"]?.stringValue == name }?["template"]?.stringValue
    }

    private func text(_ name: String) throws(ModelError) -> String {
        let file = try map(name)
        let text = String(validating: file.bytes, as: UTF8.self)
        try [file].checkWhole()
        guard let text else { throw ModelError(.malformed, "not UTF-8", file: file.path) }
        return text
    }

    private func map(_ name: String) throws(ModelError) -> MappedFile {
        let file: MappedFile
        do throws(MappedFileError) {
            file = try MappedFile(path: "\(path)/\(name)")
        } catch {
            throw ModelError(error.code == .notFound ? .notFound : .malformed, error.message, file: error.path)
        }
        guard file.size <= Self.fileBytes else {
            throw ModelError(
                .limitExceeded, "\(file.size) bytes found, expected at most \(Self.fileBytes)", file: file.path)
        }
        return file
    }
}
