/// A fine-tuning job: what was asked, and how far it is.
public struct FineTuningJob: Sendable, Equatable {
    /// OpenAI's names. A paused job is `queued`, with `isPaused`.
    public enum Status: String, Sendable {
        case validatingFiles = "validating_files"
        case queued, running, succeeded, failed, cancelled

        public var isFinal: Bool { self == .succeeded || self == .failed || self == .cancelled }
    }

    /// Why a job failed.
    public struct Failure: Error, Sendable, Equatable {
        /// For programs, such as `invalid_training_file`.
        public var code: String
        /// For a person; it names the line.
        public var message: String
        /// The field of the request.
        public var param: String?

        public init(code: String, message: String, param: String? = nil) {
            self.code = code
            self.message = message
            self.param = param
        }
    }

    /// `ftjob-…`
    public var id: String
    /// Unix seconds.
    public var createdAt: Int
    public var finishedAt: Int?
    public var request: FineTuningRequest
    /// The seed in force.
    public var seed: Int
    /// Of the adapter that it makes.
    public var adapter: String
    public var status: Status
    /// Waits until it is resumed.
    public var isPaused = false
    public var failure: Failure?
    public var resultFiles: [String] = []
    public var trainedTokens: Int?
    /// Optimiser steps that are done.
    public var step = 0
    /// nil before the data are read.
    public var totalSteps: Int?
    /// Unix seconds; nil while the job is not running.
    public var estimatedFinish: Int?

    public init(id: String, createdAt: Int, request: FineTuningRequest, seed: Int, adapter: String, status: Status) {
        self.id = id
        self.createdAt = createdAt
        self.request = request
        self.seed = seed
        self.adapter = adapter
        self.status = status
    }
}
