import Foundation
import Generation
import JSON
import TestSupport
import Testing

@testable import Tuning

/// Data files of every format and shape, and what is said of broken ones.
@Suite("Data files")
struct DataFileReaderTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func read(
        _ text: String, _ name: String = "data.jsonl", limits: DataSetLimits = DataSetLimits(), fields: [String: String] = [:]
    ) throws -> DataFile {
        try DataFileReader(limits: limits, fieldNames: fields).read(try folder.write(text, to: name))
    }

    private func error(_ text: String, _ name: String = "data.jsonl", limits: DataSetLimits = DataSetLimits()) throws -> TuningError {
        try #require(throws: TuningError.self) { try read(text, name, limits: limits).requireWhole() }
    }

    private func user(_ text: String) -> ConversationTurn { ConversationTurn(role: "user", text) }
    private func assistant(_ text: String) -> ConversationTurn { ConversationTurn(role: "assistant", text) }

    // MARK: Shapes

    @Test("messages keep roles, weights, tool calls and tools, and parts of text become one text")
    func messages() throws {
        let file = try read(
            """
            {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "a"}, \
            {"type": "text", "text": "b"}]}, {"role": "assistant", "content": "x", "weight": 0}, {"role": "assistant", "content": null, \
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\\"k\\": 1}"}}]}, \
            {"role": "tool", "tool_call_id": "1", "content": "r"}, {"role": "assistant", "content": "z", "weight": 1}], \
            "tools": "[{\\"type\\": \\"function\\"}]", "id": 7}
            """)
        #expect(file.shape == .messages)
        #expect(file.unusedFields == ["id"])
        let call = ChatMessage(
            role: "assistant", content: "", toolCalls: [ToolCall(id: "1", name: "f", arguments: ["k": 1])])
        let turns = [
            ConversationTurn(role: "system", "s"), user("ab"),
            ConversationTurn(ChatMessage(role: "assistant", content: "x"), isTrained: false),
            ConversationTurn(call, isTrained: true),
            ConversationTurn(ChatMessage(role: "tool", content: "r", toolCallID: "1"), isTrained: false), assistant("z"),
        ]
        #expect(file.rows == [DataRow(line: 1, .conversation(turns), tools: [["type": "function"]])])
    }

    @Test("each shape is found by its fields")
    func shapes() throws {
        func content(_ row: String) throws -> DataRow.Content { try #require(try read(row).rows.first).content }
        #expect(
            try content(#"{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}], "system": "s"}"#)
                == .conversation([ConversationTurn(role: "system", "s"), user("q"), assistant("a")]))
        #expect(
            try content(#"{"instruction": "i", "input": null, "output": "o"}"#)
                == .instruction(system: nil, instruction: "i", input: "", output: "o"))
        #expect(
            try content(#"{"prompt": "p", "completion": "c", "label": null}"#) == .completion(prompt: .text("p"), completion: .text("c")))
        #expect(
            try content(#"{"prompt": "p", "completion": [{"role": "assistant", "content": "c"}], "label": false}"#)
                == .labelled(prompt: .text("p"), completion: .turns([assistant("c")]), isDesirable: false))
        #expect(
            try content(#"{"prompt": "p", "chosen": "c", "rejected": "r"}"#)
                == .preference(prompt: .text("p"), chosen: .text("c"), rejected: .text("r")))
        #expect(
            try content(
                #"{"input": {"messages": [{"role": "user", "content": "q"}]}, "#
                    + #""preferred_output": [{"role": "assistant", "content": "c"}], "#
                    + #""non_preferred_output": [{"role": "assistant", "content": "r"}]}"#)
                == .preference(prompt: .turns([user("q")]), chosen: .turns([assistant("c")]), rejected: .turns([assistant("r")])))
        #expect(try content(#"{"text": "t"}"#) == .text("t"))
    }

    @Test("the right one of several choices is named in several ways")
    func choices() throws {
        func answer(_ choices: String, _ answer: String) throws -> Int? {
            let content = try #require(try read(#"{"prompt": "p", "choices": \#(choices), "answer": \#(answer)}"#).rows.first).content
            guard case .choice(.text("p"), let texts, let index) = content, texts.count > 1 else { return nil }
            return index
        }
        let list = #"["one", "two", "three"]"#
        for (given, index) in [("2", 2), (#""B""#, 1), (#""c""#, 2), (#""one""#, 0), (#""2""#, 2)] {
            #expect(try answer(list, given) == index, "\(given)")
        }
        // ARC's, whose labels are letters or digits.
        #expect(try answer(#"{"text": ["x", "y"], "label": ["1", "2"]}"#, #""1""#) == 0)
        // The text of a choice goes before its place.
        #expect(try answer(#"["B", "A"]"#, #""A""#) == 1)
        for (choices, given, field) in [
            (list, "3", "answer"), (list, #""D""#, "answer"), (list, #""four""#, "answer"), (list, "1.5", "answer"), (#"["one"]"#, "0", "choices"),
            (#"["one", 2]"#, "0", "choices[1]"), (#"{"text": ["x", "y"], "label": ["1"]}"#, "0", "choices"),
        ] {
            #expect(try error(#"{"prompt": "p", "choices": \#(choices), "answer": \#(given)}"#).field == field, "\(choices) \(given)")
        }
    }

    @Test("the prompt of a pair without one is what both begin with")
    func commonPrompt() throws {
        func content(_ row: String) throws -> DataRow.Content { try #require(try read(row).rows.first).content }
        // The sky is … in TRL's documentation of `extract_prompt`.
        #expect(
            try content(#"{"chosen": "The sky is blue.", "rejected": "The sky is green."}"#)
                == .preference(prompt: .verbatim("The sky is"), chosen: .verbatim(" blue."), rejected: .verbatim(" green.")))
        let messages = #"[{"role": "user", "content": "q"}, {"role": "assistant", "content": "#
        #expect(
            try content(#"{"chosen": \#(messages)"c"}], "rejected": \#(messages)"r"}]}"#)
                == .preference(prompt: .turns([user("q")]), chosen: .turns([assistant("c")]), rejected: .turns([assistant("r")])))
        // A set that gives the question twice.
        #expect(
            try content(#"{"prompt": "q", "chosen": \#(messages)"c"}], "rejected": \#(messages)"r"}]}"#)
                == .preference(prompt: .turns([user("q")]), chosen: .turns([assistant("c")]), rejected: .turns([assistant("r")])))
        // Equal answers still are answers; the report names them.
        #expect(
            try content(#"{"chosen": \#(messages)"c"}], "rejected": \#(messages)"c"}]}"#)
                == .preference(prompt: .turns([user("q")]), chosen: .turns([assistant("c")]), rejected: .turns([assistant("c")])))
        for row in [
            #"{"chosen": "a", "rejected": "b"}"#, #"{"chosen": "same", "rejected": "same"}"#, #"{"chosen": "ab", "rejected": "abc"}"#,
        ] {
            #expect(try error(row).field == "chosen")
        }
    }

    @Test("fields of other names are mapped")
    func mapped() throws {
        let fields = ["prompt": "question", "completion": "answer"]
        let file = try read(#"{"question": "q", "answer": "a"}"#, fields: fields)
        #expect(file.rows.map(\.content) == [.completion(prompt: .text("q"), completion: .text("a"))])
        #expect(file.unusedFields == [])
        let missing = try read("{\"question\": \"q\", \"answer\": \"a\"}\n{\"question\": \"q\"}", fields: fields)
        #expect(missing.broken.map(\.field) == ["answer"])
    }

    // MARK: Formats

    @Test("rows of JSON lines know their lines, with blank lines, CRLF and a byte order mark")
    func lines() throws {
        let file = try read("\u{FEFF}{\"text\": \"a\"}\r\n\r\n  \n{\"text\": \"b\"}")
        #expect(file.rows == [DataRow(line: 1, .text("a")), DataRow(line: 4, .text("b"))])
    }

    @Test("a JSON array is read by elements, and each knows its line")
    func array() throws {
        let file = try read(
            """
            [
              {"text": "a, ] } \\" ["},
              {
                "text": "b"
              }
              , {"text": 5}, {"text" "c"}
            ]

            """, "data.json")
        #expect(file.rows == [DataRow(line: 2, .text("a, ] } \" [")), DataRow(line: 3, .text("b"))])
        #expect(file.broken.map(\.line) == [6, 6])
        #expect(file.broken.first?.field == "text")
    }

    @Test(
        "an array that cannot be cut into rows is refused with the line",
        arguments: [
            ("[{\"text\": \"a\"}\n", 1), ("[{\"text\": \"a\"} {}]", 1), ("[\n{\"text\": \"a\"\n", 2), ("[{\"text\": \"a\"}]\n1", 2),
            ("[,]", 1),
        ])
    func brokenArray(text: String, line: Int) throws {
        let error = try error(text, "data.json")
        #expect(error.code == .malformed)
        #expect(error.line == line, "\(error)")
    }

    @Test("CSV follows RFC 4180: quotes, doubled quotes, line ends and separators within quotes")
    func csv() throws {
        let file = try read(
            "prompt,completion\r\n\"a \"\"b\"\", c\",\"two\r\nlines\"\r\n\r\n5\" pipe,\nx,y", "data.csv")
        let expected: [(Int, String, String)] = [(2, "a \"b\", c", "two\r\nlines"), (5, "5\" pipe", ""), (6, "x", "y")]
        #expect(
            file.rows
                == expected.map { DataRow(line: $0.0, .completion(prompt: .text($0.1), completion: .text($0.2))) })
    }

    @Test("whatever fields hold, CSV and JSON give them back")
    func roundTrip() throws {
        let pieces = ["a", "\"", ",", "\n", "\r\n", "\r", " ", "é", "]", "{", "\\", "\"\""]
        for seed in 0..<UInt64(40) {
            var draw = Permutation(seed: seed, stream: 2)
            func text() -> String { (0..<1 + draw.order(6)[0]).map { _ in pieces[draw.order(pieces.count)[0]] }.joined() }
            let rows = (0..<1 + draw.order(5)[0]).map { _ in (text(), text()) }
            let quoted = rows.map { row in
                [row.0, row.1].map { "\"\($0.replacingOccurrences(of: "\"", with: "\"\""))\"" }.joined(separator: ",")
            }
            let objects = rows.map { JSONValue.object(["prompt": .string($0.0), "completion": .string($0.1)]) }
            let expected = rows.map { DataRow.Content.completion(prompt: .text($0.0), completion: .text($0.1)) }
            let files = [
                ("a.csv", "prompt,completion\r\n\(quoted.joined(separator: "\r\n"))"),
                ("a.jsonl", objects.map { $0.serialized() }.joined(separator: "\n")),
                ("a.json", JSONValue.array(objects).serialized(pretty: true)),
            ]
            for (name, text) in files {
                let file = try read(text, name)
                #expect(file.rows.map(\.content) == expected && file.broken.isEmpty, "\(name), seed \(seed)")
            }
        }
    }

    @Test("columns may hold lists as JSON and labels as text, and tabs separate the columns of a .tsv file")
    func csvValues() throws {
        let file = try read("messages\n\"[{\"\"role\"\": \"\"user\"\", \"\"content\"\": \"\"q\"\"}]\"\n", "data.csv")
        #expect(file.rows.map(\.content) == [.conversation([user("q")])])
        let labels = try read("prompt\tcompletion\tlabel\np\tc\tTrue\np\td\t0\np\te\tmaybe\n", "data.tsv")
        #expect(
            labels.rows.map(\.content) == [
                .labelled(prompt: .text("p"), completion: .text("c"), isDesirable: true),
                .labelled(prompt: .text("p"), completion: .text("d"), isDesirable: false),
            ])
        #expect(labels.broken.map(\.field) == ["label"])
        #expect(labels.broken.map(\.line) == [4])
    }

    @Test(
        "a CSV file that cannot be cut into rows is refused with the line",
        arguments: [
            ("text\n\"a\nb", 2), ("text\n\"a\"b\n", 2), ("text,text\n", 1), ("text,\n", 1), ("", 1),
        ])
    func brokenCSV(text: String, line: Int) throws { #expect(try error(text, "data.csv").line == line) }

    @Test("a CSV record with another number of fields is a broken row, and the others are read")
    func raggedCSV() throws {
        let file = try read("prompt,completion\na,b\nc\nd,e,f\ng,h\n", "data.csv")
        #expect(file.rows.map(\.line) == [2, 5])
        #expect(file.broken.map(\.line) == [3, 4])
    }

    @Test("a query on a SQLite file gives rows by the names of its columns, and a row's line is its number")
    func query() throws {
        let path = "\(Checkout.path)/Tests/SQLiteTests/Fixtures/small.sqlite"
        let reader = DataFileReader()
        let query = "SELECT 'number ' || number AS prompt, name AS completion FROM t ORDER BY id"
        let file = try reader.read(path, query: query)
        #expect(file.rows == [DataRow(line: 1, .completion(prompt: .text("number 0.5"), completion: .text("é\u{0}ü\"; --")))])
        #expect(file.broken.map(\.line) == [2] && file.broken.map(\.field) == ["completion"])
        #expect(try reader.read(path, query: query).digest == file.digest)
        #expect(try reader.read(path, query: "\(query) LIMIT 1").digest != file.digest)
        let data = "SELECT 'a' AS prompt, data AS completion FROM t WHERE id = 1"
        #expect(try #require(throws: TuningError.self) { try reader.read(path, query: data) }.field == "completion")
        for (query, code) in [
            ("DROP TABLE t", TuningError.Code.invalidSetting), ("SELECT id, id FROM t", .malformed),
            ("SELECT 1 AS text FROM t WHERE id > 9", .nothingToTrain),
        ] {
            let error = try #require(throws: TuningError.self) { try reader.read(path, query: query) }
            #expect(error.code == code && error.file == path, "\(error)")
        }
        #expect(try #require(throws: TuningError.self) { try reader.read(path) }.message.contains("query"))
    }

    // MARK: Broken rows

    @Test("broken rows are told with file, line and field, and the others are read")
    func brokenRows() throws {
        let good = #"{"messages": [{"role": "user", "content": "q"}]}"#
        let broken = [
            "{", "[1]", #"{"messages": 1}"#, #"{"messages": [{"role": "bot", "content": "q"}]}"#, #"{"messages": [{"role": "user"}]}"#,
            #"{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}"#,
            #"{"messages": [{"role": "assistant", "content": "a", "weight": 2}]}"#,
            #"{"messages": [{"role": "user", "content": "a", "weight": 1}]}"#, #"{"other": 1}"#, #"{"text": "t"}"#,
        ]
        let file = try read(([good] + broken + [good]).joined(separator: "\n"))
        #expect(file.rows.map(\.line) == [1, 12])
        #expect(file.brokenCount == broken.count)
        #expect(file.broken.map(\.line) == Array(2...11))
        #expect(
            file.broken.map(\.field) == [
                nil, nil, "messages", "messages[0].role", "messages[0].content", "messages[0].content[0].type", "messages[0].weight",
                "messages[0].weight", "messages", nil,
            ])
        #expect(file.broken.allSatisfy { $0.file == folder.place("data.jsonl") })
        #expect(file.broken[9].message.contains("a file holds rows of one shape"))
        let error = try #require(throws: TuningError.self) { try file.requireWhole() }
        #expect(error.line == 2 && error.message.contains("9 more"))
    }

    @Test("a file whose first row has no known shape is refused with the fields that it has and that it may have")
    func unknownShape() throws {
        let error = try error(#"{"question": "q", "answer": "a"}"#)
        #expect(error.line == 1)
        for name in ["`question`, `answer`", "`messages`", "`prompt`, `completion`", "mapped"] {
            #expect(error.message.contains(name), "\(error)")
        }
    }

    @Test("no file, no rows and no known format are told apart")
    func noFile() throws {
        #expect(throws: TuningError.self) { try DataFileReader().read(folder.place("none.jsonl")) }
        do { _ = try DataFileReader().read(folder.place("none.jsonl")) } catch { #expect(error.code == .notFound) }
        #expect(try error("\n\n").code == .nothingToTrain)
        #expect(try error("[ ]", "data.json").code == .nothingToTrain)
        #expect(try error("PAR1", "data.parquet").code == .unsupported)
    }

    @Test("each limit holds at its edge")
    func limits() throws {
        let rows = "{\"text\": \"abc\"}\n{\"text\": \"abcd\"}\n"
        func outcome(_ text: String = rows, _ change: (inout DataSetLimits) -> Void) throws -> (rows: Int, code: TuningError.Code?) {
            var limits = DataSetLimits()
            change(&limits)
            do {
                let file = try read(text, limits: limits)
                return (file.rows.count, file.broken.first?.code)
            } catch let error as TuningError {
                return (0, error.code)
            }
        }
        #expect(try outcome { $0.fileBytes = rows.utf8.count } == (2, nil))
        #expect(try outcome { $0.fileBytes = rows.utf8.count - 1 } == (0, .limitExceeded))
        #expect(try outcome { $0.rowBytes = 16 } == (2, nil))
        #expect(try outcome { $0.rowBytes = 15 } == (1, .limitExceeded))
        #expect(try outcome { $0.rows = 2 } == (2, nil))
        #expect(try outcome { $0.rows = 1 } == (0, .limitExceeded))
        let two = #"{"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "a"}]}"#
        #expect(try outcome("\(two)\n") { $0.turns = 2 } == (1, nil))
        #expect(try outcome("\(two)\n") { $0.turns = 1 } == (0, .malformed))
        #expect(try outcome("\(two)\n") { $0.depth = 2 } == (0, .malformed))
        var few = DataSetLimits()
        few.columns = 1
        #expect(try error("prompt,completion\n", "data.csv", limits: few).code == .limitExceeded)
        few = DataSetLimits()
        few.rowBytes = 8
        #expect(try error("text\n\"aaaaaaaaaaaaaaaaaaa", "data.csv", limits: few).code == .limitExceeded)
        few = DataSetLimits()
        few.namedRows = 1
        let broken = try read("{\"text\": \"a\"}\n{}\n{}\n{}", limits: few)
        #expect(broken.broken.count == 1 && broken.brokenCount == 3)
    }

    @Test("a row cut at any byte is told and never read as another row")
    func truncated() throws {
        let row = Array(#"{"messages": [{"role": "user", "content": "é\n"}, {"role": "assistant", "content": "b"}]}"#.utf8)
        let good = Array("{\"messages\": []}\n".utf8)
        for count in 1..<row.count {
            let path = try folder.write(good + row[..<count], to: "cut.jsonl")
            let file = try DataFileReader().read(path)
            #expect(file.rows.count == 1 && file.brokenCount == 1, "\(count) bytes")
        }
    }
}
