/// Texts that take the place of what jansson cannot hold: an integer beyond 64 bits becomes a string, a NUL in a key a mark.
///
/// The mark is 64 random bits, drawn for each document, so that no document can hold it by intention.
struct JSONStandIn {
    enum Kind: Equatable { case longInteger, nul }

    /// What is replaced, in bytes of the text.
    struct Place: Equatable {
        var kind: Kind
        var range: Range<Int>
    }

    let places: [Place]
    private let mark: [UInt8]
    private let hasKeys: Bool

    init(_ places: [Place]) {
        self.places = places
        hasKeys = places.contains { $0.kind == .nul }
        let digits = Array("0123456789abcdef".utf8)
        var bits = UInt64.random(in: 0 ... .max)
        mark = (0..<16).map { _ in
            defer { bits >>= 4 }
            return digits[Int(bits & 15)]
        }
    }

    /// The text with all stand-ins in it.
    func rewriting(_ text: UnsafeRawBufferPointer) -> [UInt8] {
        var copy: [UInt8] = []
        copy.reserveCapacity(text.count + (mark.count + 2) * places.count)
        var start = 0
        for place in places {
            copy += text[start..<place.range.lowerBound]
            switch place.kind {
            case .nul: copy += mark
            case .longInteger:
                copy.append(UInt8(ascii: "\""))
                copy += mark
                copy += text[place.range]
                copy.append(UInt8(ascii: "\""))
            }
            start = place.range.upperBound
        }
        copy += text[start...]
        return copy
    }

    /// The digits that a string stands for; nil for a string of the document.
    func longInteger(_ bytes: UnsafeRawBufferPointer) -> String? {
        guard bytes.starts(with: mark) else { return nil }
        return String(decoding: UnsafeRawBufferPointer(rebasing: bytes[mark.count...]), as: UTF8.self)
    }

    /// A key as the document has it.
    func key(_ bytes: UnsafeRawBufferPointer) -> String {
        guard hasKeys else { return String(decoding: bytes, as: UTF8.self) }
        return String(decoding: replacingMarks(bytes, by: [0]), as: UTF8.self)
    }

    /// An error in the rewritten text as an error in `text`, without marks in its message.
    func original(_ error: JSONError, in text: UnsafeRawBufferPointer) -> JSONError {
        var error = error
        error.message = error.message.utf8.withContiguousStorageIfAvailable { utf8 in
            String(decoding: replacingMarks(UnsafeRawBufferPointer(utf8), by: []), as: UTF8.self)
        } ?? error.message
        guard let position = error.position else { return error }
        var shift = 0
        for place in places {
            let written = place.kind == .nul ? mark.count : place.range.count + mark.count + 2
            guard position.offset >= place.range.lowerBound + shift else { break }
            guard position.offset >= place.range.lowerBound + shift + written else {
                error.position = .init(offset: place.range.upperBound - 1, in: text)
                return error
            }
            shift += written - place.range.count
        }
        error.position = .init(offset: max(0, position.offset - shift), in: text)
        return error
    }

    private func replacingMarks(_ bytes: UnsafeRawBufferPointer, by replacement: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            if bytes[index] == mark[0], bytes.count - index >= mark.count, bytes[index...].starts(with: mark) {
                result += replacement
                index += mark.count
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return result
    }
}
