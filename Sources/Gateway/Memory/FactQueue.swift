import Generation
internal import Memory
import OpenAIAPI

/// Facts that wait to be written. A plain value.
///
/// Those of one kind are taken together, the oldest first. Of a list that does not fit, the rest goes to the end: it does not hold up the facts
/// of others.
struct FactQueue {
    typealias Told = Result<(fact: RememberedFact, outcome: ToldFact.Outcome), APIError>

    /// The facts of one request.
    struct Order {
        var memory: String
        var facts: [ToldFact]
        var onConflict: ToldFact.Conflict
        /// What became of the first of them.
        var told: [Told] = []
        /// Called once.
        var answer: @Sendable (Result<[Told], any Error>) -> Void

        var rest: ArraySlice<ToldFact> { facts[told.count...] }
    }

    /// Facts that may wait.
    let capacity: Int
    private var orders: [Order] = []
    /// Facts that wait.
    private(set) var count = 0

    init(capacity: Int) { self.capacity = capacity }

    var isEmpty: Bool { orders.isEmpty }

    /// False: too many wait.
    mutating func add(_ order: Order) -> Bool {
        guard count + order.rest.count <= capacity else { return false }
        putBack(order)
        return true
    }

    /// An order of which some facts were written.
    mutating func putBack(_ order: Order) {
        orders.append(order)
        count += order.rest.count
    }

    /// The oldest order and those behind it that go with it, with how many of their facts are to be written now.
    mutating func take(_ most: Int) -> [(order: Order, count: Int)] {
        guard let first = orders.first else { return [] }
        var (taken, rest, room) = ([(order: Order, count: Int)](), [Order](), max(most, 1))
        for order in orders {
            if room > 0, order.memory == first.memory, order.onConflict == first.onConflict {
                let own = min(room, order.rest.count)
                taken.append((order, own))
                room -= own
                count -= order.rest.count
            } else {
                rest.append(order)
            }
        }
        orders = rest
        return taken
    }

    mutating func removeAll() -> [Order] {
        defer { (orders, count) = ([], 0) }
        return orders
    }
}

/// How many facts are written together: as many as take about a second, so that each is acknowledged soon also while requests run.
struct BatchPace {
    private static let seconds = 1.0
    private var secondsAFact = 0.25

    var most: Int { max(1, Int(min(Self.seconds / secondsAFact, Double(MemoryTeller.batch)))) }

    /// After a batch.
    mutating func note(facts: Int, seconds: Double) {
        guard facts > 0 else { return }
        secondsAFact = (secondsAFact + seconds / Double(facts)) / 2
    }
}
