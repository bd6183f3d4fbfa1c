extension JSONValue {
    /// The document as UTF-8 text: members in their order, doubles as the shortest text that reads back equal, only the
    /// escapes that JSON requires, no spaces (`pretty`: two spaces a level and a line a member). Same value, same bytes.
    ///
    /// JSON has no infinities and no NaN: they are written as `null`.
    public func serialized(pretty: Bool = false) -> String {
        String(decoding: serializedBytes(pretty: pretty), as: UTF8.self)
    }

    /// `serialized` without the copy into a string.
    public func serializedBytes(pretty: Bool = false) -> [UInt8] {
        var writer = JSONWriter(pretty: pretty)
        writer.write(self, level: 0)
        return writer.bytes
    }

    /// Appends the compact text to `bytes`.
    public func serialize(into bytes: inout [UInt8]) {
        var writer = JSONWriter(pretty: false)
        swap(&writer.bytes, &bytes)
        writer.write(self, level: 0)
        swap(&writer.bytes, &bytes)
    }
}

/// Appends values to a byte array.
struct JSONWriter {
    var bytes: [UInt8] = []
    let pretty: Bool

    init(pretty: Bool) { self.pretty = pretty }

    mutating func write(_ value: JSONValue, level: Int) {
        switch value {
        case .null: bytes += "null".utf8
        case .bool(let value): bytes += (value ? "true" : "false").utf8
        case .integer(let value): bytes += String(value).utf8
        case .longInteger(let digits): bytes += digits.utf8
        case .number(let value): bytes += (value.isFinite ? value.description : "null").utf8
        case .string(let value): write(value)
        case .array(let elements):
            guard !elements.isEmpty else { return bytes += "[]".utf8 }
            for (index, element) in elements.enumerated() {
                begin(index, UInt8(ascii: "["), level)
                write(element, level: level + 1)
            }
            end(UInt8(ascii: "]"), level)
        case .object(let members):
            guard !members.isEmpty else { return bytes += "{}".utf8 }
            for (index, member) in members.enumerated() {
                begin(index, UInt8(ascii: "{"), level)
                write(member.key)
                bytes.append(UInt8(ascii: ":"))
                if pretty { bytes.append(UInt8(ascii: " ")) }
                write(member.value, level: level + 1)
            }
            end(UInt8(ascii: "}"), level)
        }
    }

    private mutating func begin(_ index: Int, _ bracket: UInt8, _ level: Int) {
        bytes.append(index == 0 ? bracket : UInt8(ascii: ","))
        if pretty { newLine(level + 1) }
    }

    private mutating func end(_ bracket: UInt8, _ level: Int) {
        if pretty { newLine(level) }
        bytes.append(bracket)
    }

    private mutating func newLine(_ level: Int) {
        bytes.append(UInt8(ascii: "\n"))
        bytes += repeatElement(UInt8(ascii: " "), count: 2 * level)
    }

    private mutating func write(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        let written: Void? = text.utf8.withContiguousStorageIfAvailable { writeEscaped($0) }
        if written == nil { Array(text.utf8).withUnsafeBufferPointer { writeEscaped($0) } }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Copies runs of plain bytes whole.
    private mutating func writeEscaped(_ text: UnsafeBufferPointer<UInt8>) {
        var start = 0
        for (index, byte) in text.enumerated()
        where byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
            bytes += text[start..<index]
            writeEscape(byte)
            start = index + 1
        }
        bytes += text[start...]
    }

    private mutating func writeEscape(_ byte: UInt8) {
        let short: Character? =
            switch byte {
            case UInt8(ascii: "\""): "\""
            case UInt8(ascii: "\\"): "\\"
            case 0x08: "b"
            case 0x09: "t"
            case 0x0A: "n"
            case 0x0C: "f"
            case 0x0D: "r"
            default: nil
            }
        if let short {
            bytes += "\\\(short)".utf8
        } else {
            let digits = Array("0123456789abcdef".utf8)
            bytes += "\\u00".utf8
            bytes += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }
}
