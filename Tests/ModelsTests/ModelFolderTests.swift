import TestSupport
import Testing

@testable import Models

/// Templates of a model's folder.
@Suite struct ModelFolderTests {
    private let list = #"{"chat_template": [{"name": "default", "template": "d"}, {"name": "tool_use", "template": "t"}]}"#

    @Test func aListOfTemplatesGivesTheDefaultAndTheOneForTools() throws {
        let folder = try TemporaryFolder()
        try folder.write(Array(list.utf8), to: "tokenizer_config.json")
        #expect(try ModelFolder(folder.path).chatTemplate() == "d")
        #expect(try ModelFolder(folder.path).chatTemplate(named: "tool_use") == "t")
        #expect(try ModelFolder(folder.path).chatTemplate(named: "rag") == nil)
    }

    @Test func aFileOfAdditionalTemplatesGoesBeforeTheList() throws {
        let folder = try TemporaryFolder()
        try folder.write(Array(list.utf8), to: "tokenizer_config.json")
        try folder.write(Array("own".utf8), to: "additional_chat_templates/tool_use.jinja")
        try folder.write(Array("whole".utf8), to: "chat_template.jinja")
        #expect(try ModelFolder(folder.path).chatTemplate() == "whole")
        #expect(try ModelFolder(folder.path).chatTemplate(named: "tool_use") == "own")
    }
}
