import Foundation

/// Messages for people go to stderr; results go to stdout, in whole pieces.
enum Terminal {
    static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }
    static var inputIsTerminal: Bool { isatty(STDIN_FILENO) == 1 }

    static func say(_ message: String) {
        FileHandle.standardError.write(Data((message + "\n").utf8))
    }

    /// Only where somebody watches.
    static func progress(_ message: String) {
        if errorIsTerminal { say(message) }
    }

    /// Writes text as it comes, without a line end.
    static func write(_ text: String) {
        FileHandle.standardOutput.write(Data(text.utf8))
    }

    /// What was printed goes out now.
    static func flush() { fflush(nil) }

    /// The lines of standard input, without their ends. Invalid UTF-8 throws a failure that names the line.
    static func lines() throws -> [String] {
        let data = FileHandle.standardInput.readDataToEndOfFile()
        var lines: [String] = []
        for (index, line) in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            guard let text = String(validating: line, as: UTF8.self) else {
                throw Failure(message: "standard input, line \(index + 1): not UTF-8")
            }
            lines.append(text)
        }
        // What follows the last line end is not a line unless there is something.
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    static func allInput() throws -> String {
        guard let text = String(validating: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self) else {
            throw Failure(message: "standard input: not UTF-8")
        }
        return text
    }
}
