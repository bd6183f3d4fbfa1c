/// What a client wants to be tuned. The service that runs it checks names and values.
public struct FineTuningRequest: Sendable, Equatable {
    public enum Method: String, Sendable, CaseIterable {
        case supervised, dpo
    }

    /// nil stands for OpenAI's `auto`: the service chooses.
    public struct Hyperparameters: Sendable, Equatable {
        public var batchSize: Int?
        public var learningRateMultiplier: Double?
        public var epochs: Int?
        /// Of DPO.
        public var beta: Double?

        public init(batchSize: Int? = nil, learningRateMultiplier: Double? = nil, epochs: Int? = nil, beta: Double? = nil) {
            self.batchSize = batchSize
            self.learningRateMultiplier = learningRateMultiplier
            self.epochs = epochs
            self.beta = beta
        }
    }

    /// A setting by this server's own name for it.
    public struct Setting: Sendable, Equatable {
        public var name: String
        public var value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// As the client named it: the base, or the adapter that is tuned further.
    public var model: String
    /// The adapter that is tuned further; nil: a new one on the base.
    public var start: String?
    public var trainingFile: String
    public var validationFile: String?
    /// nil: `settings` name an objective that OpenAI has no method for.
    public var method: Method?
    public var hyperparameters: Hyperparameters
    /// Where the client wrote the hyperparameters, for errors: `method.dpo.hyperparameters`.
    public var hyperparametersPath: String
    /// Becomes the name of the adapter.
    public var suffix: String?
    public var seed: Int?
    /// nil: the client gave none.
    public var metadata: [String: String]?
    /// The extension `lmoe`, in its order.
    public var settings: [Setting]

    public init(
        model: String, start: String? = nil, trainingFile: String, validationFile: String? = nil, method: Method? = .supervised,
        hyperparameters: Hyperparameters = .init(), hyperparametersPath: String = "hyperparameters", suffix: String? = nil,
        seed: Int? = nil, metadata: [String: String]? = nil, settings: [Setting] = []
    ) {
        self.model = model
        self.start = start
        self.trainingFile = trainingFile
        self.validationFile = validationFile
        self.method = method
        self.hyperparameters = hyperparameters
        self.hyperparametersPath = hyperparametersPath
        self.suffix = suffix
        self.seed = seed
        self.metadata = metadata
        self.settings = settings
    }
}
