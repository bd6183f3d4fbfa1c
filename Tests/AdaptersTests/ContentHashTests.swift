import Dispatch
import Foundation
import Testing
import Weights

@testable import Adapters

@Suite struct ContentHashTests {
    /// The loads of as many adapters as there are threads wait for their hashes at once, on the queue that computes them.
    @Test func manyWaitersOnTheQueueThatComputesItEnd() throws {
        let folder = try TemporaryFolder()
        try TinyAdapter().write(to: folder.path)
        let weights = try SafetensorsFile.open("\(folder.path)/adapter_model.safetensors")
        let expected = ContentHash(of: [1, 2, 3], weights, nil).value
        let group = DispatchGroup()
        for _ in 0..<200 {
            DispatchQueue.global(qos: .userInitiated).async(group: group) {
                #expect(ContentHash(of: [1, 2, 3], weights, nil).value == expected)
            }
        }
        #expect(group.wait(timeout: .now() + 60) == .success)
        #expect(ContentHash(of: [1, 2, 3], weights, "template").value != expected)
        #expect(ContentHash(of: [1, 2], weights, nil).value != expected)
        #expect(ContentHash(known: "abc").value == "abc")
    }
}
