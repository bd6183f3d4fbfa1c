internal import Crypto
internal import Dispatch
internal import Synchronization
internal import Tensors
internal import Weights

/// The version of an adapter's files: 32 hexadecimal digits of SHA-256 over everything that changes what the adapter answers.
///
/// Computed on another thread while the loader checks and copies the matrices, or by who asks first where no thread has
/// begun: threads that wait for each other's loads may hold all that the system gives.
final class ContentHash: Sendable {
    private enum State: Sendable {
        case waiting(@Sendable () -> String)
        case running
        case done(String)
    }

    private let state: Mutex<State>
    /// Left when it is done.
    private let group = DispatchGroup()

    init(known version: String) { state = Mutex(.done(version)) }

    /// Begins. The bytes are held until it ends.
    init(of configuration: [UInt8], _ weights: SafetensorsFile, _ template: String?) {
        state = Mutex(.waiting { Self.hash(configuration, weights, template) })
        group.enter()
        DispatchQueue.global(qos: .userInitiated).async { self.run() }
    }

    /// Waits until it is known.
    var value: String {
        run()
        group.wait()
        guard case .done(let version) = state.withLock({ $0 }) else { preconditionFailure("the group is left when it is done") }
        return version
    }

    /// Whoever comes first.
    private func run() {
        let body = state.withLock { state -> (@Sendable () -> String)? in
            guard case .waiting(let body) = state else { return nil }
            state = .running
            return body
        }
        guard let body else { return }
        let version = body()
        state.withLock { $0 = .done(version) }
        group.leave()
    }

    private static func hash(_ configuration: [UInt8], _ weights: SafetensorsFile, _ template: String?) -> String {
        var hash = SHA256()
        func part(_ name: String, _ bytes: UnsafeRawBufferPointer) {
            hash.update(data: Array("\(name) \(bytes.count)\n".utf8))
            hash.update(bufferPointer: bytes)
        }
        configuration.withUnsafeBytes { part("configuration", $0) }
        weights.file.withUnsafeBytes { part("weights", $0) }
        if let template { Array(template.utf8).withUnsafeBytes { part("template", $0) } }
        let digits = Array("0123456789abcdef".utf8)
        let text = hash.finalize().prefix(16).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }
}
