import Adapters
internal import Logging
import Serving
internal import UV

/// Deletes uploads that were left unfinished, when the server starts and every minute or so after that. Loop only: the deleting itself runs
/// on the queue of changes, so no upload is deleted while a piece of it is being written.
@LoopActor
final class UploadSweep {
    private static let longestMilliseconds = 60_000

    private let timer: LoopTimer

    init(_ uploads: AdapterUploads, seconds: Int, queue: WorkQueue, logger: Logger) {
        timer = LoopTimer {
            Task {
                do {
                    for adapter in try await queue.run({ try uploads.sweep() }) {
                        logger.info("an upload that was not published is deleted", metadata: ["adapter": .string(adapter)])
                    }
                } catch {
                    logger.warning("uploads that were not published cannot be deleted", metadata: ["why": .string("\(error)")])
                }
            }
        }
        timer.start(afterMilliseconds: 0, repeatMilliseconds: min(Self.longestMilliseconds, max(1, seconds) * 1_000))
    }

    func close() { timer.close() }
}
