/// Which files of an adapter may be uploaded: those of kinds that the server reads, by plain names.
enum UploadedFileName {
    private static let endings = [".safetensors", ".gguf", ".json", ".jsonl", ".yaml", ".yml", ".jinja", ".md", ".txt"]
    private static let pickleEndings = AdapterFile.pickleEndings + [".pkl", ".pickle", ".ckpt"]
    private static let longest = 128

    /// Errors: `invalidName` with the rule that the name breaks; `pickle`; `unsupported` for a kind that no adapter needs.
    static func check(_ name: String) throws(AdapterError) {
        guard name.utf8.count <= longest else {
            throw AdapterError(.invalidName, "a file's name has \(name.utf8.count) bytes; expected at most \(longest)")
        }
        func refusal(_ code: AdapterError.Code, _ message: String) -> AdapterError { AdapterError(code, message, file: quoted(name)) }
        guard name.utf8.allSatisfy(AdapterName.isAllowed), let first = name.utf8.first else {
            throw refusal(.invalidName, "the name of an uploaded file has only letters, digits, '.', '_' and '-', and no folder before it")
        }
        guard first != UInt8(ascii: "."), first != UInt8(ascii: "-") else {
            throw refusal(.invalidName, "the name of an uploaded file does not begin with a dot or a hyphen")
        }
        let lower = name.lowercased()
        if pickleEndings.contains(where: lower.hasSuffix) {
            throw refusal(
                .pickle, "a pickle, which can run code when it is loaded; expected \(AdapterFile.weights): scripts/convert-pickle makes one of it")
        }
        guard endings.contains(where: lower.hasSuffix) || name == "LICENSE" || name == "NOTICE" else {
            throw refusal(.unsupported, "no file of an adapter ends so; expected \(endings.joined(separator: ", "))")
        }
    }
}
