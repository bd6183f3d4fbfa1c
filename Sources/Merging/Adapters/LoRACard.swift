internal import JSON

/// The model card of an adapter that was made of others, or taken out of a model: `README.md`.
struct LoRACard {
    var name: String
    var baseName: String
    /// Beside `lora` and `lmoe`.
    var tag: String
    var description: String
    /// Of the section that says how it was made.
    var title: String
    var rows: [(String, String)]
    /// For a person.
    var notices: [String] = []

    var text: String {
        let parts = [frontMatter, "# \(name)", Self.paragraph(description), "## \(title)", table] + notices.map(Self.paragraph) + [use]
        return parts.joined(separator: "\n\n") + "\n"
    }

    private var frontMatter: String {
        """
        ---
        base_model: \(JSONValue.string(baseName).serialized())
        library_name: peft
        pipeline_tag: text-generation
        tags: [lora, \(tag), lmoe]
        ---
        """
    }

    private var table: String {
        (["| | |", "| --- | --- |"] + rows.map { "| \($0.0) | \($0.1) |" }).joined(separator: "\n")
    }

    private var use: String {
        """
        ## Use

        Put the folder into the adapters folder of a running `lmoe serve`: requests with `"model": "\(name)"` get it, and the router
        chooses it by `route.yaml` where there is one. With PEFT, on the Hugging Face checkpoint of the base:

        ```python
        from peft import PeftModel
        from transformers import AutoModelForCausalLM

        base = AutoModelForCausalLM.from_pretrained("ORGANISATION/CHECKPOINT")
        model = PeftModel.from_pretrained(base, "\(name)")
        ```
        """
    }

    /// As it may stand in a cell of a table.
    static func cell(_ text: String) -> String {
        String(text.unicodeScalars.map { $0 == "`" || $0 == "|" || $0.properties.generalCategory == .control ? "_" : Character($0) })
    }

    /// On one line.
    private static func paragraph(_ text: String) -> String {
        text.split { $0.isWhitespace || $0.isNewline }.joined(separator: " ")
    }
}
