import Merging
import Testing

@Suite("References to models")
struct ModelReferenceTests {
    @Test("A reference is described as recipes write it")
    func description() {
        let plain = ModelReference(model: .init(path: "base"))
        let adapted = ModelReference(model: .init(path: "base", revision: "main"), adapter: .init(path: "sql"))
        #expect("\(plain)" == "base")
        #expect("\(adapted)" == "base@main+sql")
    }
}
