import MergeMethods
import Testing

@Suite("Methods of merging")
struct MergeMethodTests {
    @Test("No method has two parameters of one name, and a flag's standard value is 0 or 1")
    func parameters() {
        for method in MergeMethod.allCases {
            let names = method.parameters.map(\.name)
            #expect(Set(names).count == names.count, "\(method.rawValue)")
            for parameter in method.parameters where parameter.kind == .flag {
                #expect(parameter.standard == 0 || parameter.standard == 1, "\(method.rawValue) \(parameter.name)")
            }
        }
    }
}
