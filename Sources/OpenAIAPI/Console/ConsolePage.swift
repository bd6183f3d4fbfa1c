internal import CConsole

/// The console: one page for browsers, of files that are part of the program.
///
/// Nothing else is loaded for it, and nothing that it shows can become part of it: its policy allows the one style and the one script that
/// carry the answer's nonce, requests to this server, and no text that is read as markup (Trusted Types without a policy).
struct ConsolePage: Sendable {
    /// Put together once.
    static let whole = ConsolePage()

    /// The page between the places of the nonce.
    private let pieces: [[UInt8]]

    init() {
        var scripts: [UInt8] = []
        for index in 0..<console_script_count() { scripts += Self.bytes(console_script(index)) + [0x0A] }
        let markup = String(decoding: Self.bytes(console_markup()), as: UTF8.self)
            .replacing("@style@", with: String(decoding: Self.bytes(console_style()), as: UTF8.self))
            .replacing("@script@", with: String(decoding: scripts, as: UTF8.self))
        pieces = markup.split(separator: "@nonce@", omittingEmptySubsequences: false).map { Array($0.utf8) }
    }

    private static func bytes(_ file: console_file) -> [UInt8] { Array(UnsafeBufferPointer(start: file.bytes, count: file.count)) }

    /// - Parameter nonce: of one answer, letters and digits that cannot be guessed.
    func bytes(nonce: String) -> [UInt8] { Array(pieces.joined(separator: nonce.utf8)) }

    /// `Content-Security-Policy` for the same nonce.
    static func policy(nonce: String) -> String {
        [
            "default-src 'none'", "script-src 'nonce-\(nonce)'", "style-src 'nonce-\(nonce)'", "img-src data:", "connect-src 'self'",
            "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
        ].joined(separator: "; ")
    }
}
