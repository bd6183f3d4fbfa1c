import ChatTemplates
import Generation
import JSON
import TestSupport
import Testing
import Tokenizers

@testable import Tuning

/// Rows as tokens and targets, with small tokenizers of several families and templates of all sorts.
@Suite("Row encoder")
struct RowEncoderTests {
    private func encoder(
        _ tokenizer: String = "smollm", template: String? = "chatml", source: String? = nil, end: String = "<|im_end|>",
        _ change: (inout EncodingOptions) -> Void = { _ in }
    ) throws -> RowEncoder {
        try SmallBase.encoder(tokenizer, template: template, source: source, end: end, change: change)
    }

    private func marked(_ sequence: TrainingSequence, _ encoder: RowEncoder) -> String { SmallBase.marked(sequence, encoder) }

    private func marked(_ encoder: RowEncoder, _ content: DataRow.Content, tools: [JSONValue] = []) throws -> [String] {
        try encoder.encode(DataRow(line: 1, content, tools: tools)).example.sequences.map { marked($0, encoder) }
    }

    private func conversation(_ turns: (String, String)...) -> DataRow.Content {
        .conversation(turns.map { ConversationTurn(role: $0.0, $0.1) })
    }

    // MARK: Conversations

    @Test("an answer and the token that ends it are targets, and nothing before or after them")
    func answersOnly() throws {
        #expect(
            try marked(
                encoder(),
                conversation(
                    ("system", "s"), ("user", "one"), ("assistant", "two"), ("user", "three"), ("assistant", "four"), ("user", "x"))) == [
                    "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\none<|im_end|>\n<|im_start|>assistant\n[two<|im_end|>]\n"
                        + "<|im_start|>user\nthree<|im_end|>\n<|im_start|>assistant\n[four<|im_end|>]"
                ])
    }

    @Test("the tokens before an answer are those of the prompt that a client would send")
    func promptTokens() throws {
        let encoder = try encoder()
        let row = try encoder.encode(DataRow(line: 1, conversation(("user", "hi there"), ("assistant", "hello"))))
        let template = try #require(encoder.template)
        let prompt = try template.render([ChatMessage(role: "user", content: "hi there")], tools: [], asksForAnswer: true)
        let tokens = encoder.tokenizer.encode(prompt, addSpecialTokens: false, parseSpecial: true)
        let sequence = row.example.sequences[0]
        #expect(sequence.isTarget.firstIndex(of: true) == tokens.count)
        #expect(Array(sequence.tokens.prefix(tokens.count)) == tokens)
    }

    @Test(
        "whatever a conversation holds, the targets are its trained answers with what ends them",
        arguments: [
            ("smollm", "chatml", "<|im_end|>", "<|im_end|>"), ("qwen2", "qwen25", "<|im_end|>", "<|im_end|>"),
            ("gemma", "gemma", "<eos>", "<end_of_turn>"), ("smollm", "zephyr", "<|endoftext|>", "<|endoftext|>"),
        ])
    func random(tokenizer: String, template: String, end: String, turnEnd: String) throws {
        let encoder = try encoder(tokenizer, template: template, end: end) { $0.maximumTokens = 100_000 }
        let pieces = ["one", " two", "\nthree", "é", "漢", "42", "...", " ", "\t", "</s>", "def f(x):\n    return x"]
        for seed in 0..<UInt64(25) {
            var draw = Permutation(seed: seed, stream: 3)
            // Each begins with a letter: white space would join what stands before it.
            func text() -> String { "x" + (0..<draw.order(5)[0]).map { _ in pieces[draw.order(pieces.count)[0]] }.joined() + "." }
            var turns: [ConversationTurn] = []
            for _ in 0...draw.order(4)[0] {
                turns.append(ConversationTurn(role: "user", text()))
                turns.append(ConversationTurn(ChatMessage(role: "assistant", content: text()), isTrained: draw.order(4)[0] > 0))
            }
            let sequence = try encoder.encode(DataRow(line: 1, .conversation(turns))).example.sequences[0]
            var (answers, inside): ([[Int32]], Bool) = ([], false)
            for (token, isTarget) in zip(sequence.tokens, sequence.isTarget) {
                if isTarget, !inside { answers.append([]) }
                if isTarget { answers[answers.count - 1].append(token) }
                inside = isTarget
            }
            let found = answers.map { encoder.tokenizer.decode($0, skipSpecialTokens: false) }
            #expect(found == turns.filter(\.isTrained).map { $0.message.content + turnEnd }, "seed \(seed)")
        }
    }

    @Test("an answer of weight 0 is context, and also where all tokens are targets")
    func weights() throws {
        var turns = [
            ConversationTurn(role: "user", "a"), ConversationTurn(role: "assistant", "b"), ConversationTurn(role: "user", "c"),
            ConversationTurn(role: "assistant", "d"),
        ]
        turns[1].isTrained = false
        let start = "<|im_start|>"
        let system = "\(start)system\nBe brief and kind.<|im_end|>\n"
        #expect(
            try marked(encoder(), .conversation(turns)) == [
                "\(system)\(start)user\na<|im_end|>\n\(start)assistant\nb<|im_end|>\n\(start)user\nc<|im_end|>\n"
                    + "\(start)assistant\n[d<|im_end|>]"
            ])
        let all = try marked(encoder { $0.targets = .all }, .conversation(turns))
        #expect(
            all == [
                "\(start)[system\nBe brief and kind.<|im_end|>\n\(start)user\na<|im_end|>\n\(start)assistant\n]b<|im_end|>["
                    + "\n\(start)user\nc<|im_end|>\n"
                    + "\(start)assistant\nd<|im_end|>\n]"
            ])
    }

    @Test("templates of other families: begin of sequence once, their own ends, roles of their own")
    func families() throws {
        let turns = conversation(("user", " one "), ("assistant", "two"), ("user", "three"), ("assistant", "four"))
        #expect(
            try marked(encoder("gemma", template: "gemma", end: "<eos>"), turns) == [
                "<bos><start_of_turn>user\none<end_of_turn>\n<start_of_turn>model\n[two<end_of_turn>]\n"
                    + "<start_of_turn>user\nthree<end_of_turn>\n<start_of_turn>model\n[four<end_of_turn>]"
            ])
        #expect(
            try marked(encoder("smollm", template: "zephyr", end: "<|endoftext|>"), conversation(("user", "one"), ("assistant", "two")))
                == [
                    "<|user|>\none<|endoftext|>\n<|assistant|>\n[two<|endoftext|>]"
                ])
    }

    @Test("an answer that a template writes in another way when turns follow ends at the first token that ends it, and is told as hidden")
    func reasoning() throws {
        let encoder = try encoder(template: "reasoning")
        let first = "<think>\nbecause\n</think>\n\ntwo"
        let row = DataRow(
            line: 3, conversation(("user", "one"), ("assistant", first), ("user", "three"), ("assistant", "<think>\nso\n</think>\n\nfour")))
        let encoded = try encoder.encode(row)
        #expect(
            marked(encoded.example.sequences[0], encoder)
                == "<|im_start|>user\none<|im_end|>\n<|im_start|>assistant\n[two<|im_end|>]\n<|im_start|>user\nthree<|im_end|>\n"
                + "<|im_start|>assistant\n[<think>\nso\n</think>\n\nfour<|im_end|>]")
        #expect(encoded.hidesAnswer)
        #expect(try !encoder.encode(DataRow(line: 1, conversation(("user", "one"), ("assistant", first)))).hidesAnswer)
    }

    @Test("a prompt that is written differently once the answer follows is refused with line and turn")
    func promptDiffers() throws {
        let source =
            "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
            + "{% if add_generation_prompt %}<|im_start|>assistant: {% endif %}"
        let error = try #require(throws: TuningError.self) {
            try encoder(source: source).encode(DataRow(line: 7, conversation(("user", "a"), ("assistant", "b"))))
        }
        #expect(error.code == .malformed && error.line == 7 && error.field == "turn 2")
        // A line end that joins the prompt's in one token.
        #expect(throws: TuningError.self) {
            try encoder("gemma", source: "{% for m in messages %}{{ m.content }}\n{% endfor %}").encode(
                DataRow(line: 7, conversation(("user", "a"), ("assistant", "\nb"))))
        }
    }

    @Test("a last answer that the template does not end gets the end-of-sequence token")
    func endIsAdded() throws {
        let source = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
        #expect(
            try marked(encoder(source: source), conversation(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"))) == [
                "user: a\nassistant:[ b\n]user: c\nassistant:[ d\n<|im_end|>]"
            ])
    }

    @Test("what the template says about a conversation that it refuses is told")
    func refused() throws {
        let error = try #require(throws: TuningError.self) {
            try encoder("gemma", template: "gemma").encode(
                DataRow(line: 2, conversation(("assistant", "a"), ("user", "b"), ("assistant", "c"))))
        }
        #expect(error.message.contains("Turns must go user"), "\(error)")
        let none = try #require(throws: TuningError.self) {
            try encoder(template: nil).encode(DataRow(line: 2, conversation(("user", "b"), ("assistant", "c"))))
        }
        #expect(none.code == .unsupported)
    }

    @Test("tools and calls are written by the template, and a call is an answer")
    func tools() throws {
        let encoder = try encoder(template: "qwen25")
        let call = ToolCall(id: "1", name: "f", arguments: ["x": 1])
        let turns = [
            ConversationTurn(role: "user", "q"),
            ConversationTurn(ChatMessage(role: "assistant", content: "", toolCalls: [call]), isTrained: true),
            ConversationTurn(ChatMessage(role: "tool", content: "r"), isTrained: false), ConversationTurn(role: "assistant", "a"),
        ]
        let text = try marked(encoder, .conversation(turns), tools: [["type": "function", "function": ["name": "f"]]])[0]
        #expect(text.contains("<tools>\n{\"type\": \"function\", \"function\": {\"name\": \"f\"}}"))
        #expect(
            text.hasSuffix(
                "<|im_start|>assistant\n[<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n</tool_call><|im_end|>]\n"
                    + "<|im_start|>user\n<tool_response>\nr\n</tool_response><|im_end|>\n<|im_start|>assistant\n[a<|im_end|>]"), "\(text)")
    }

    @Test("a template that joins a call's arguments with text gets them as text")
    func textualArguments() throws {
        let source = """
            {% for m in messages %}
            {{ m.role + '\\n' + (m.tool_calls[0].function.arguments + '' if m.tool_calls else m.content) + eos_token }}
            {%- endfor %}
            {% if add_generation_prompt %}
            {{ 'assistant\\n' }}
            {%- endif %}
            """
        let call = ToolCall(id: "1", name: "f", arguments: ["x": 1])
        let answer = ConversationTurn(ChatMessage(role: "assistant", content: "", toolCalls: [call]), isTrained: true)
        let text = try marked(encoder(source: source), .conversation([ConversationTurn(role: "user", "q"), answer]))
        #expect(text == ["user\nq<|im_end|>assistant\n[{\"x\":1}<|im_end|>]"])
    }

    @Test("a system message of the options goes before conversations that have none")
    func system() throws {
        let encoder = try encoder { $0.systemMessage = "new" }
        #expect(try marked(encoder, conversation(("user", "a"), ("assistant", "b")))[0].hasPrefix("<|im_start|>system\nnew<|im_end|>"))
        #expect(
            try marked(encoder, conversation(("system", "old"), ("user", "a"), ("assistant", "b")))[0].hasPrefix(
                "<|im_start|>system\nold<|im_end|>"))
    }

    // MARK: Other shapes

    @Test("prompts and answers as strings become turns, and stay plain text where that is set or the base has no template")
    func strings() throws {
        let content = DataRow.Content.completion(prompt: .text("2+2="), completion: .text("4"))
        let system = "<|im_start|>system\nBe brief and kind.<|im_end|>\n"
        #expect(try marked(encoder(), content) == ["\(system)<|im_start|>user\n2+2=<|im_end|>\n<|im_start|>assistant\n[4<|im_end|>]"])
        #expect(try marked(encoder { $0.wrapsText = false }, content) == ["2+2=[4<|im_end|>]"])
        #expect(try marked(encoder(template: nil), content) == ["2+2=[4<|im_end|>]"])
        #expect(try marked(encoder(template: nil) { $0.targets = .all }, content) == ["2[+2=4<|im_end|>]"])
    }

    @Test("a plain prompt is encoded alone where a token would span the border, as a client's is")
    func border() throws {
        let encoder = try encoder(template: nil)
        let content = DataRow.Content.completion(prompt: .text("the answer is "), completion: .text("the one"))
        let sequence = try encoder.encode(DataRow(line: 1, content)).example.sequences[0]
        let prompt = encoder.tokenizer.encode("the answer is ", addSpecialTokens: false, parseSpecial: true)
        #expect(Array(sequence.tokens.prefix(prompt.count)) == prompt)
        #expect(marked(sequence, encoder) == "the answer is [the one<|im_end|>]")
    }

    @Test("a plain text is learnt whole, begins once and ends once")
    func text() throws {
        #expect(try marked(encoder(), .text("abc")) == ["a[bc<|im_end|>]"] || marked(encoder(), .text("abc")) == ["ab[c<|im_end|>]"])
        let ended = try encoder().encode(DataRow(line: 1, .text("abc<|im_end|>"))).example.sequences[0]
        #expect(try encoder().encode(DataRow(line: 1, .text("abc"))).example.sequences[0] == ended)
        let gemma = try encoder("gemma", template: nil, end: "<eos>")
        #expect(try marked(gemma, .text("abc")) == ["<bos>[abc<eos>]"])
        #expect(try marked(gemma, .text("<bos>abc<eos>")) == ["<bos>[abc<eos>]"])
    }

    @Test("Alpaca's rows become a question with its input, or Alpaca's text without a template")
    func instruction() throws {
        let content = DataRow.Content.instruction(system: "s", instruction: "do", input: "it", output: "done")
        #expect(
            try marked(encoder(), content) == [
                "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\ndo\n\nit<|im_end|>\n<|im_start|>assistant\n[done<|im_end|>]"
            ])
        let plain = try marked(encoder(template: nil), .instruction(system: nil, instruction: "do", input: " ", output: "done"))
        #expect(
            plain == [
                "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
                    + "### Instruction:\ndo\n\n### Response:\n[done<|im_end|>]"
            ])
    }

    @Test("both answers of a pair continue one prompt, and only the answers are targets, whatever the targets of supervised rows")
    func preference() throws {
        let encoder = try encoder { $0.targets = .all }
        let context = [
            ConversationTurn(role: "system", "s"), ConversationTurn(role: "user", "q"), ConversationTurn(role: "assistant", "old"),
            ConversationTurn(role: "user", "r"),
        ]
        let content = DataRow.Content.preference(
            prompt: .turns(context), chosen: .turns([ConversationTurn(role: "assistant", "good")]), rejected: .text("bad"))
        let prompt =
            "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\nold<|im_end|>\n"
            + "<|im_start|>user\nr<|im_end|>\n<|im_start|>assistant\n"
        #expect(try marked(encoder, content) == ["\(prompt)[good<|im_end|>]", "\(prompt)[bad<|im_end|>]"])
        let plain = DataRow.Content.preference(prompt: .verbatim("The sky is"), chosen: .verbatim(" blue"), rejected: .verbatim(" green"))
        #expect(try marked(encoder, plain) == ["The sky is[ blue<|im_end|>]", "The sky is[ green<|im_end|>]"])
    }

    @Test("a labelled answer keeps its label")
    func labelled() throws {
        let encoder = try encoder()
        let row = DataRow(line: 1, .labelled(prompt: .text("q"), completion: .text("a"), isDesirable: false))
        guard case .labelled(let sequence, isDesirable: false) = try encoder.encode(row).example else {
            Issue.record("not a labelled example")
            return
        }
        #expect(marked(sequence, encoder).hasSuffix("[a<|im_end|>]"))
    }

    // MARK: Lengths

    @Test("what is too long loses its end, and a row without a target then is not trainable")
    func cut() throws {
        let row = DataRow(line: 1, conversation(("user", "one two three"), ("assistant", "four five six seven")))
        let whole = try encoder().encode(row)
        let sequence = whole.example.sequences[0]
        let start = try #require(sequence.isTarget.firstIndex(of: true))
        #expect(!whole.isCut && whole.fullTokens == sequence.tokens.count)
        #expect(try !encoder { $0.maximumTokens = sequence.tokens.count }.encode(row).isCut)
        let cut = try encoder { $0.maximumTokens = start + 2 }.encode(row)
        #expect(cut.isCut && cut.isTrainable && cut.fullTokens == sequence.tokens.count)
        #expect(cut.example.sequences[0].tokens == Array(sequence.tokens.prefix(start + 2)))
        #expect(cut.example.sequences[0].targetCount == 2)
        // Turns behind the maximum change nothing, however many there are.
        let more = (0..<200).flatMap { [("user", "and \($0)"), ("assistant", "yes")] }
        let turns = [("user", "one two three"), ("assistant", "four five six seven")] + more
        let long = DataRow(line: 1, .conversation(turns.map { ConversationTurn(role: $0.0, $0.1) }))
        let longCut = try encoder { $0.maximumTokens = start + 2 }.encode(long)
        #expect(longCut.example == cut.example && longCut.isCut && longCut.fullTokens > 2000)
        #expect(try !encoder { $0.maximumTokens = start }.encode(row).isTrainable)
        #expect(try !encoder().encode(DataRow(line: 1, conversation(("user", "no answer")))).isTrainable)
        #expect(try !encoder().encode(DataRow(line: 1, .conversation([]))).isTrainable)
    }
}
