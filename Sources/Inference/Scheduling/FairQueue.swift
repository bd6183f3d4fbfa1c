/// A place in the order in which requests are admitted: by tag, and among equal tags by arrival.
struct QueueTicket: Sendable, Comparable {
    var tag: UInt64
    var arrival: UInt64

    static func < (a: QueueTicket, b: QueueTicket) -> Bool { (a.tag, a.arrival) < (b.tag, b.arrival) }
}

/// Requests that wait, in an order that is fair between adapters: start-time fair queueing (Goyal, Vin and Cheng, 1996) with
/// requests of one size.
///
/// A request's tag is one more than that of its adapter's request before it, but no less than the tag that is being served. So
/// of two adapters with requests each is served every second time, however many requests one of them has.
struct FairQueue<Element> {
    private struct Entry {
        var ticket: QueueTicket
        var flow: String?
        var element: Element
    }

    private var waiting: [Entry] = []
    private var lastTags: [String?: UInt64] = [:]
    private var served: UInt64 = 0
    private var arrivals: UInt64 = 0

    var count: Int { waiting.count }
    /// The flows of the requests that wait.
    var flows: Set<String?> { Set(waiting.map(\.flow)) }

    /// - Parameter flow: the requests that share a place in the order: an adapter's name, nil for the base.
    mutating func push(_ element: Element, flow: String?) {
        arrivals += 1
        let tag = max(served, lastTags[flow].map { $0 + 1 } ?? 0)
        lastTags[flow] = tag
        waiting.append(Entry(ticket: QueueTicket(tag: tag, arrival: arrivals), flow: flow, element: element))
    }

    /// Takes the next one out of the flows that may go on: `O(count)`.
    mutating func pop(where mayGoOn: (String?) -> Bool = { _ in true }) -> (ticket: QueueTicket, element: Element)? {
        var next: Int?
        for index in waiting.indices where next.map({ waiting[index].ticket < waiting[$0].ticket }) ?? true {
            if mayGoOn(waiting[index].flow) { next = index }
        }
        guard let next else { return nil }
        let entry = waiting.remove(at: next)
        return (entry.ticket, entry.element)
    }

    /// A ticket is served: later arrivals don't go before it.
    mutating func serve(_ ticket: QueueTicket) {
        served = max(served, ticket.tag)
        // Tags below that no longer matter: a new request of that flow starts from `served`.
        lastTags = lastTags.filter { $0.value >= served }
    }

    /// Takes out the requests that match.
    mutating func removeAll(where isGone: (Element) -> Bool) -> [Element] {
        let gone = waiting.filter { isGone($0.element) }.map(\.element)
        if !gone.isEmpty { waiting.removeAll { isGone($0.element) } }
        return gone
    }
}
