import Files
import Foundation
import JSON

/// A data set of intents in the form of CLINC150's `data_full.json`: lists of `[text, intent]` by split. Every intent of the training
/// split counts as one adapter.
struct IntentDataset: Sendable {
    struct Example: Sendable {
        var text: String
        var intent: String
    }

    let train: [Example]
    let test: [Example]
    /// Out-of-scope texts.
    let outOfScope: [Example]
    /// Those of the training split, sorted.
    let intents: [String]

    /// Reads the splits `train`, `test`, and `oos_test` or `test_oos` where there is one. Errors: a failure that names the place.
    init(path: String) throws {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = Array(ByteOrderMark.skipped(try RegularFile.contents(path, limitBytes: 1 << 30)))
        } catch {
            throw Failure.usage("\(error)")
        }
        let document: JSONCursor
        do {
            document = JSONCursor(try JSONValue.parse(bytes))
            train = try Self.split(document["train"])
            test = try Self.split(document["test"])
            let name = ["oos_test", "test_oos"].first { document[$0].exists }
            outOfScope = try name.map { try Self.split(document[$0]) } ?? []
        } catch {
            throw Failure.usage("\(path): \(error); expected lists of [text, intent] named train, test and, if there is one, oos_test")
        }
        intents = Set(train.map(\.intent)).sorted()
        guard intents.count > 1 else { throw Failure.usage("\(path): \(intents.count) intents; expected at least 2") }
    }

    private static func split(_ cursor: JSONCursor) throws(JSONError) -> [Example] {
        var examples: [Example] = []
        for pair in try cursor.array() {
            examples.append(Example(text: try pair[0].string(), intent: try pair[1].string()))
        }
        return examples
    }
}
