import Adapters
import ArgumentParser
import Gateway
import Glibc
import Hub
import MergeMethods

/// Something that a command could not do: a message for a person and the exit status.
struct Failure: Error {
    var message: String
    var status: ExitStatus = .failed

    static func usage(_ message: String) -> Failure { Failure(message: message, status: .usage) }
}

enum ExitStatus: Int32 {
    case done = 0
    case failed = 1
    case usage = 2
    /// A check found problems, or nothing matched.
    case no = 3

    /// Ends the process although threads of it may still compute, as after a signal while models load: without the handlers of `exit`, of
    /// which OpenBLAS's waits for its threads and does not return when one of them is in use.
    static func leave() -> Never {
        Terminal.flush()
        _exit(done.rawValue)
    }

    /// Prints what there is to say, on stdout when it was asked for, and ends the process.
    static func end(with error: any Error) -> Never {
        switch error {
        case let failure as Failure: end(failure.status, saying: failure.message)
        case let error as GatewayError:
            end(error.code == .configuration ? .usage : .failed, saying: error.description)
        case let error as AdapterError:
            end(error.code == .invalidName ? .usage : .failed, saying: error.description)
        case let error as MergeError:
            end(error.code == .invalidRecipe ? .usage : .failed, saying: error.description)
        case let error as HubError:
            end(error.code == .invalid ? .usage : .failed, saying: error.description)
        case let code as ExitCode: exit(code.rawValue)
        case let known as any CustomStringConvertible where !isFromParser(error): end(.failed, saying: known.description)
        default: break
        }
        let code = LMoE.exitCode(for: error)
        let message = LMoE.fullMessage(for: error)
        if code.isSuccess {
            print(message)
            exit(0)
        }
        Terminal.say(message)
        exit(code == .validationFailure ? ExitStatus.usage.rawValue : ExitStatus.failed.rawValue)
    }

    private static func isFromParser(_ error: any Error) -> Bool {
        error is CleanExit || error is ValidationError || String(reflecting: type(of: error)).hasPrefix("ArgumentParser.")
    }

    private static func end(_ status: ExitStatus, saying message: String) -> Never {
        Terminal.flush()
        Terminal.say("lmoe: \(message)")
        exit(status.rawValue)
    }
}
