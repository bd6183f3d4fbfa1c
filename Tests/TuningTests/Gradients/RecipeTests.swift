import Tensors
import Testing

@testable import Models
@testable import Tuning

@Suite struct RecipeTests {
    static let recipes = [
        AdapterRecipe(family: .mixlora, rank: 3, experts: 4), AdapterRecipe(family: .mola, rank: 2, experts: 4),
        AdapterRecipe(family: .loramoe, rank: 3, experts: 4),
    ]

    @Test("a recipe's tensors have the names and shapes of MoE-PEFT's files", arguments: recipes)
    func names(recipe: AdapterRecipe) throws {
        try recipe.validate()
        let fixture = try GradientFixture(recipe.family.rawValue)
        let adapter = try TrainableAdapter(fixture.model.configuration, recipe.forms(fixture.model.configuration))
        let shapes = adapter.tensors.map { (recipe.checkpointName(of: $0), $0.checkpointShape) }
        #expect(Set(shapes.map(\.0)) == Set(fixture.weights.tensors.keys))
        #expect(shapes.count == fixture.weights.tensors.count)
        for (name, shape) in shapes { #expect(fixture.weights.tensors[name]?.shape == shape, "\(name)") }
    }

    @Test("a mixture starts as the base, with routers and A drawn from the seed", arguments: recipes)
    func start(recipe: AdapterRecipe) throws {
        let fixture = try GradientFixture(recipe.family.rawValue)
        let pool = WorkerPool(threads: 2)
        let weights = try DecoderWeights(fixture.model, precision: .reference, pool: pool)
        func started(_ seed: UInt64) throws -> TrainableAdapter {
            var recipe = recipe
            recipe.seed = seed
            let adapter = try TrainableAdapter(fixture.model.configuration, recipe.forms(fixture.model.configuration))
            recipe.initialise(adapter, weights)
            adapter.parametersChanged(weights, pool: pool)
            return adapter
        }
        let adapter = try started(1)
        for tensor in adapter.tensors {
            #expect(adapter.values(tensor).allSatisfy { $0 == 0 } == (tensor.kind == .b), "\(recipe.checkpointName(of: tensor))")
        }
        func parameters(_ adapter: TrainableAdapter) -> [Float] { adapter.tensors.flatMap { Array(adapter.values($0)) } }
        #expect(parameters(adapter) == parameters(try started(1)))
        #expect(parameters(adapter) != parameters(try started(2)))
        let workspace = try TrainingWorkspace(weights, pool: pool, maximumRows: 64)
        let found = try [adapter, nil].map { adapter in
            try workspace.forward(
                TrainingBatch(runs: [.init(tokens: fixture.tokens(2), isTarget: fixture.isTarget(2), adapter: adapter)]), differentiates: false)[0]
        }
        for (own, base) in zip(found[0], found[1]) { #expect(abs(own - base) < 1e-5) }
    }

    @Test("trained tokens start as the base's rows; a token outside the vocabulary is an error that names it")
    func tokens() throws {
        let fixture = try GradientFixture("tokens")
        let pool = WorkerPool(threads: 1)
        let weights = try DecoderWeights(fixture.model, precision: .reference, pool: pool)
        let recipe = AdapterRecipe(rank: 3, targets: [.query, .up], trainedTokens: [33, 5, 9, 17, 5])
        let adapter = try TrainableAdapter(fixture.model.configuration, recipe.forms(fixture.model.configuration))
        recipe.initialise(adapter, weights)
        let tensor = try #require(adapter.tensors.first { $0.kind == .tokenRows })
        #expect(adapter.tokens(tensor) == [5, 9, 17, 33])
        #expect(Set(adapter.tensors.map { recipe.checkpointName(of: $0) }) == Set(fixture.weights.tensors.keys))
        let table = fixture.model.tensor(.embedding).floats()
        let hidden = fixture.model.configuration.hidden
        #expect(Array(adapter.values(tensor)[hidden..<2 * hidden]) == Array(table[9 * hidden..<10 * hidden]))
        let far = AdapterRecipe(trainedTokens: [120])
        do throws(ModelError) {
            _ = try TrainableAdapter(fixture.model.configuration, far.forms(fixture.model.configuration))
            Issue.record("token 120 of 120 was taken")
        } catch {
            #expect(error.message.contains("120"))
        }
    }

    @Test("settings of a mixture out of range are errors that name the setting")
    func ranges() {
        let cases = [
            (AdapterRecipe(family: .mola, experts: 1), "experts"), (AdapterRecipe(family: .mixlora, experts: 4, chosenExperts: 5), "top_k"),
            (AdapterRecipe(family: .mixlora, balanceCoefficient: -1), "router_aux_loss_coef"),
            (AdapterRecipe(family: .loramoe, balanceCoefficient: 11), "router_aux_loss_coef"),
            (AdapterRecipe(family: .mola, trainedTokens: [1]), "trainable_token_indices"),
        ]
        for (recipe, field) in cases {
            do {
                try recipe.validate()
                Issue.record("\(field) was taken")
            } catch {
                #expect(error.code == .invalidSetting && error.field == field)
            }
        }
    }

    @Test("the balance loss of a mixture is that of its family")
    func balance() throws {
        let configuration = try GradientFixture("loramoe").model.configuration
        let loramoe = AdapterRecipe(family: .loramoe, experts: 4, balanceCoefficient: 0.1)
        #expect(loramoe.forms(configuration).balance == .localised(weight: 0.1, alpha: 0))
        #expect(AdapterRecipe(family: .mola, balanceCoefficient: 0.1).forms(configuration).balance == .uniform(coefficient: 0.1))
        #expect(AdapterRecipe(family: .loramoe).forms(configuration).balance == nil)
    }
}
