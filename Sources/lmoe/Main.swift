import ArgumentParser

/// Where the process begins and ends: reads the arguments, runs the command, and turns what went wrong into an exit status.
@main
enum Main {
    static func main() async {
        do {
            var command = try LMoE.parseAsRoot()
            try Variables.check()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            ExitStatus.end(with: error)
        }
    }
}
