internal import CJansson

extension JSONValue {
    /// Parses one JSON document (RFC 8259), a top-level scalar too. A byte order mark before it is skipped.
    ///
    /// Refused: anything after the document, lone surrogates, numbers beyond a double, nesting deeper than `maxDepth` (1,000 at
    /// most), and more than `maxElements` elements and members in all. The caller limits the size.
    /// Cost: `O(bytes)`; the document exists twice until it is converted. A limit is checked before that.
    public static func parse(
        _ text: UnsafeRawBufferPointer, maxDepth: Int = 128, maxElements: Int = .max
    ) throws(JSONError) -> JSONValue {
        // jansson reports offsets as 32-bit integers.
        guard text.count < Int(Int32.max) else {
            throw JSONError(.tooLarge, "\(text.count) bytes are more than the parser takes")
        }
        guard text.starts(with: byteOrderMark) else { return try parseDocument(text, maxDepth, maxElements) }
        do throws(JSONError) {
            return try parseDocument(UnsafeRawBufferPointer(rebasing: text[byteOrderMark.count...]), maxDepth, maxElements)
        } catch {
            var error = error
            error.position?.offset += byteOrderMark.count
            throw error
        }
    }

    public static func parse(_ bytes: [UInt8], maxDepth: Int = 128, maxElements: Int = .max) throws(JSONError) -> JSONValue {
        try bytes.withUnsafeBytes { bytes in
            Result { () throws(JSONError) in try parse(bytes, maxDepth: maxDepth, maxElements: maxElements) }
        }.get()
    }

    public static func parse(_ text: String, maxDepth: Int = 128, maxElements: Int = .max) throws(JSONError) -> JSONValue {
        var text = text
        return try text.withUTF8 { bytes in
            Result { () throws(JSONError) in
                try parse(UnsafeRawBufferPointer(bytes), maxDepth: maxDepth, maxElements: maxElements)
            }
        }.get()
    }

    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    private static func parseDocument(
        _ text: UnsafeRawBufferPointer, _ maxDepth: Int, _ maxElements: Int
    ) throws(JSONError) -> JSONValue {
        // jansson recurses too, and has a limit of its own of 2,048.
        let scan = try JSONScan(text, maxDepth: min(maxDepth, 1000), maxElements: maxElements)
        if scan.standIns.isEmpty { return try parseScanned(text, nil) }

        let standIn = JSONStandIn(scan.standIns)
        let result = standIn.rewriting(text).withUnsafeBytes { bytes in
            Result { () throws(JSONError) in try parseScanned(bytes, standIn) }
        }
        do {
            return try result.get()
        } catch {
            throw standIn.original(error, in: text)
        }
    }

    private static func parseScanned(_ text: UnsafeRawBufferPointer, _ standIn: JSONStandIn?) throws(JSONError) -> JSONValue {
        // jansson takes no null pointer, and an empty buffer may have one.
        guard let base = text.baseAddress, text.count > 0 else {
            throw JSONError(.syntax, "the document is empty", position: .init(offset: 0, line: 1, column: 1))
        }
        var failure = json_error_t()
        let flags = Int(JSON_DECODE_ANY | JSON_ALLOW_NUL)
        guard let root = json_loadb(base.assumingMemoryBound(to: CChar.self), text.count, flags, &failure) else {
            throw JSONError(failure, in: text)
        }
        defer { json_decref(root) }
        return JSONValue(root, standIn)
    }

    /// Copies a tree of jansson's; recursion is bounded by the depth that the scan allowed.
    private init(_ node: UnsafeMutablePointer<json_t>, _ standIn: JSONStandIn?) {
        switch node.pointee.type {
        case JSON_OBJECT:
            var members: [JSONObject.Element] = []
            members.reserveCapacity(json_object_size(node))
            var next = json_object_iter(node)
            while let member = next {
                if let key = json_object_iter_key(member), let value = json_object_iter_value(member) {
                    let bytes = UnsafeRawBufferPointer(start: key, count: json_object_iter_key_len(member))
                    members.append((standIn?.key(bytes) ?? String(decoding: bytes, as: UTF8.self), JSONValue(value, standIn)))
                }
                next = json_object_iter_next(node, member)
            }
            self = .object(JSONObject(uniqueMembers: members))
        case JSON_ARRAY:
            let count = json_array_size(node)
            self = .array(
                [JSONValue](unsafeUninitializedCapacity: count) { elements, initialized in
                    for index in 0..<count {
                        let element = json_array_get(node, index).map { JSONValue($0, standIn) } ?? .null
                        elements.initializeElement(at: index, to: element)
                    }
                    initialized = count
                })
        case JSON_STRING:
            let bytes = UnsafeRawBufferPointer(start: json_string_value(node), count: json_string_length(node))
            if let digits = standIn?.longInteger(bytes) {
                self = .longInteger(digits)
            } else {
                self = .string(String(decoding: bytes, as: UTF8.self))
            }
        case JSON_INTEGER:
            self = .integer(Int64(json_integer_value(node)))
        case JSON_REAL:
            self = .number(json_real_value(node))
        case JSON_TRUE:
            self = .bool(true)
        case JSON_FALSE:
            self = .bool(false)
        default:
            self = .null
        }
    }
}

extension JSONError {
    fileprivate init(_ failure: json_error_t, in text: UnsafeRawBufferPointer) {
        var failure = failure
        let message = withUnsafeBytes(of: &failure.text) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        let overflow = withUnsafePointer(to: &failure) { json_error_code($0) } == json_error_numeric_overflow
        self.init(
            overflow ? .numberOutOfRange : .syntax, message,
            // jansson counts the bytes it has read: the last one belongs to the token that it refused.
            position: .init(offset: max(0, Int(failure.position) - 1), in: text))
    }
}
