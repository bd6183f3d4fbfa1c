/// Alpaca's rows as a conversation, and as the text that Stanford's Alpaca was tuned on.
enum InstructionText {
    static func turns(_ system: String?, _ instruction: String, _ input: String, _ output: String) -> [ConversationTurn] {
        let question = input.isBlank ? instruction : "\(instruction)\n\n\(input)"
        let turns = [ConversationTurn(role: ConversationTurn.user, question), ConversationTurn(role: ConversationTurn.assistant, output)]
        guard let system, !system.isBlank else { return turns }
        return [ConversationTurn(role: ConversationTurn.system, system)] + turns
    }

    static func prompt(_ instruction: String, _ input: String) -> String {
        let task = "Below is an instruction that describes a task"
        let request = "Write a response that appropriately completes the request."
        if input.isBlank { return "\(task). \(request)\n\n### Instruction:\n\(instruction)\n\n### Response:\n" }
        return "\(task), paired with an input that provides further context. \(request)\n\n"
            + "### Instruction:\n\(instruction)\n\n### Input:\n\(input)\n\n### Response:\n"
    }
}
