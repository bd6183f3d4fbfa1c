import Foundation
import Testing
import Weights

/// A NUL is part of no JSON, wherever it stands; parsers that end a number or a literal at one accept what follows it.
@Suite struct HeaderNulTests {
    @Test(arguments: [
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1\u{0}],\"data_offsets\":[0,4]}}", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4\u{0}]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}\u{0}", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}} \u{0}\u{0}",
        "{\"a\":{\"dtype\":\"F32\u{0}\",\"shape\":[1],\"data_offsets\":[0,4]}}", "{\"__metadata__\":{\"x\":\"y\u{0}\"}}", "{\u{0}}",
    ])
    func aHeaderWithANulIsRefused(header: String) throws {
        let folder = try ScratchFolder()
        let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
        let path = try folder.write(length + Array(header.utf8) + [0, 0, 0, 0], as: "file")
        let error = #expect(throws: WeightsError.self) { try SafetensorsFile.open(path) }
        #expect(error?.code == .malformed && error?.message.contains("NUL at byte") == true, "\(String(describing: error))")
    }
}
