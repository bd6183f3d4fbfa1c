internal import CJansson

extension JSONValue {
    /// Parses one JSON document (RFC 8259), a top-level scalar too.
    ///
    /// Refused: anything after the document, lone surrogates, NUL in a key, numbers beyond a double, and nesting deeper
    /// than `maxDepth` (1,000 at most). Integers beyond 64 bits become numbers. The caller limits the size.
    /// Cost: `O(bytes)`; the document exists twice until it is converted.
    public static func parse(_ text: UnsafeRawBufferPointer, maxDepth: Int = 128) throws(JSONError) -> JSONValue {
        // jansson reports offsets as 32-bit integers.
        guard text.count < Int(Int32.max) else {
            throw JSONError(.tooLarge, "\(text.count) bytes are more than the parser takes")
        }
        // jansson recurses too, and has a limit of its own of 2,048.
        let scan = try JSONScan(text, maxDepth: min(maxDepth, 1000))
        if scan.longIntegerEnds.isEmpty { return try parseScanned(text) }

        let (rewritten, ends) = (makingReal(text, scan.longIntegerEnds), scan.longIntegerEnds)
        let result = rewritten.withUnsafeBytes { bytes in
            Result { () throws(JSONError) in try parseScanned(bytes) }
        }
        do {
            return try result.get()
        } catch {
            throw error.movedBack(over: ends, in: text)
        }
    }

    public static func parse(_ bytes: [UInt8], maxDepth: Int = 128) throws(JSONError) -> JSONValue {
        try bytes.withUnsafeBytes { bytes in
            Result { () throws(JSONError) in try parse(bytes, maxDepth: maxDepth) }
        }.get()
    }

    public static func parse(_ text: String, maxDepth: Int = 128) throws(JSONError) -> JSONValue {
        var text = text
        return try text.withUTF8 { bytes in
            Result { () throws(JSONError) in try parse(UnsafeRawBufferPointer(bytes), maxDepth: maxDepth) }
        }.get()
    }

    private static func parseScanned(_ text: UnsafeRawBufferPointer) throws(JSONError) -> JSONValue {
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
        return JSONValue(root)
    }

    /// A copy of `text` in which each integer that ends at one of `ends` has the exponent `e0`: jansson refuses an
    /// integer beyond 64 bits, but not a real.
    private static func makingReal(_ text: UnsafeRawBufferPointer, _ ends: [Int]) -> [UInt8] {
        var copy: [UInt8] = []
        copy.reserveCapacity(text.count + 2 * ends.count)
        var start = 0
        for end in ends {
            copy += text[start..<end]
            copy += [UInt8(ascii: "e"), UInt8(ascii: "0")]
            start = end
        }
        return copy + text[start...]
    }

    /// Copies a tree of jansson's; recursion is bounded by the depth that the scan allowed.
    private init(_ node: UnsafeMutablePointer<json_t>) {
        switch node.pointee.type {
        case JSON_OBJECT:
            var members: [JSONObject.Element] = []
            members.reserveCapacity(json_object_size(node))
            var next = json_object_iter(node)
            while let member = next {
                if let key = json_object_iter_key(member), let value = json_object_iter_value(member) {
                    members.append((String(bytes: key, count: json_object_iter_key_len(member)), JSONValue(value)))
                }
                next = json_object_iter_next(node, member)
            }
            self = .object(JSONObject(uniqueMembers: members))
        case JSON_ARRAY:
            let count = json_array_size(node)
            self = .array(
                [JSONValue](unsafeUninitializedCapacity: count) { elements, initialized in
                    for index in 0..<count {
                        let element = json_array_get(node, index).map { JSONValue($0) } ?? .null
                        elements.initializeElement(at: index, to: element)
                    }
                    initialized = count
                })
        case JSON_STRING:
            self = .string(json_string_value(node).map { String(bytes: $0, count: json_string_length(node)) } ?? "")
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

extension String {
    fileprivate init(bytes: UnsafePointer<CChar>, count: Int) {
        self = String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
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
            // jansson counts what it has read: the last byte of the token that it could not take.
            position: .init(offset: max(0, Int(failure.position) - 1), in: text))
    }

    /// The same error in the text as it was before `e0` was put in at `ends`.
    fileprivate func movedBack(over ends: [Int], in text: UnsafeRawBufferPointer) -> JSONError {
        guard let position else { return self }
        var inserted = 0
        for end in ends where end + inserted <= position.offset { inserted += 2 }
        var moved = self
        moved.position = .init(offset: max(0, position.offset - inserted), in: text)
        return moved
    }
}
