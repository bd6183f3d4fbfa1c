public import JSON

/// A function that an answer may call, as the client declares it.
public struct ToolFunction: Sendable, Equatable {
    public var name: String
    public var description: String?
    /// A JSON Schema of the arguments; nil: it takes none.
    public var parameters: JSONValue?
    /// The arguments satisfy `parameters` in every answer.
    public var isStrict: Bool
    /// What chat templates read, as the client wrote it: `{"type": "function", "function": {…}}`.
    public var definition: JSONValue

    /// - Parameter definition: nil writes one in OpenAI's form.
    public init(
        name: String, description: String? = nil, parameters: JSONValue? = nil, isStrict: Bool = false, definition: JSONValue? = nil
    ) {
        self.name = name
        self.description = description
        self.parameters = parameters
        self.isStrict = isStrict
        var function: JSONObject = ["name": .string(name)]
        if let description { function["description"] = .string(description) }
        if let parameters { function["parameters"] = parameters }
        self.definition = definition ?? ["type": "function", "function": .object(function)]
    }
}
