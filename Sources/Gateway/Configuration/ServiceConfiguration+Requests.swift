import Routing

/// Settings of what surrounds the router's decision.
extension ServiceConfiguration {
    mutating func readRequests(_ reader: SettingReader) throws(GatewayError) {
        if let name = reader.text(.defaultAdapter) { requests.defaultAdapter = name == "base" ? nil : name }
        if let text = reader.text(.routeText) { requests.text = try Self.routeText(text, reader.values.value(.routeText)?.place) }
        if let margin = try reader.number(.stickyMargin, 0...1) { requests.stickyMargin = margin }
        if let choice: RequestPolicy.LanguageModel = try reader.choice(.llmRouting, RequestPolicy.LanguageModel.allCases.map(\.rawValue)) {
            requests.languageModel = choice
        }
        if let limit = try reader.integer(.llmRoutingMilliseconds, 1...600_000) { requests.languageModelMilliseconds = limit }
        guard let path = reader.text(.decisionLog), path != "none" else { return }
        var log = DecisionLogSettings(path: path)
        if let share = try reader.number(.decisionLogSample, 0...1) { log.share = share }
        if let flag = try reader.flag(.decisionLogPrompts) { log.hasPrompts = flag }
        if let count = try reader.integer(.decisionLogSize, 1...1 << 20) { log.limitBytes = count << 20 }
        decisionLog = log
    }

    private static func routeText(_ text: String, _ place: String?) throws(GatewayError) -> RequestPolicy.Text {
        switch text {
        case "last": return .last
        case "conversation": return .conversation
        case _ where text.contains("{"):
            do throws(RoutingError) {
                return .template(try RouteTemplate(text))
            } catch {
                throw GatewayError(.configuration, error.message, place: place)
            }
        default:
            throw GatewayError(
                .configuration, "expected `last`, `conversation` or a template with {last} in it, found `\(text)`",
                place: place)
        }
    }
}
