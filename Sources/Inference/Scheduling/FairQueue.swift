/// When a request gets its turn: by tag, and among equal ones by arrival.
struct QueueTicket: Sendable, Comparable {
    var tag: UInt64
    var arrival: UInt64

    static func < (a: QueueTicket, b: QueueTicket) -> Bool { (a.tag, a.arrival) < (b.tag, b.arrival) }
}

/// Requests that wait, in an order that is fair between adapters: start-time fair queueing (Goyal, Vin and Cheng, 1996) with
/// requests of one size.
///
/// A request's tag is one more than that of its adapter's request before it, but no less than the tag that is being served. So
/// of two adapters with requests each gets every second turn, however many requests one of them has.
struct FairQueue<Element> {
    private var waiting: [(ticket: QueueTicket, element: Element)] = []
    private var lastTags: [String?: UInt64] = [:]
    private var served: UInt64 = 0
    private var arrivals: UInt64 = 0

    var count: Int { waiting.count }

    /// - Parameter flow: what is to be treated alike; an adapter's name, nil the base.
    mutating func push(_ element: Element, flow: String?) {
        arrivals += 1
        let tag = max(served, lastTags[flow].map { $0 + 1 } ?? 0)
        lastTags[flow] = tag
        waiting.append((QueueTicket(tag: tag, arrival: arrivals), element))
    }

    /// Takes the next one out: `O(count)`.
    mutating func pop() -> (ticket: QueueTicket, element: Element)? {
        guard let next = waiting.indices.min(by: { waiting[$0].ticket < waiting[$1].ticket }) else { return nil }
        return waiting.remove(at: next)
    }

    /// A turn has come: later arrivals don't go before it.
    mutating func serve(_ ticket: QueueTicket) {
        served = max(served, ticket.tag)
        // What an adapter used up before its last request was served says nothing any more.
        lastTags = lastTags.filter { $0.value >= served }
    }

    /// Takes out what nobody wants any more.
    mutating func removeAll(where isGone: (Element) -> Bool) -> [Element] {
        let gone = waiting.filter { isGone($0.element) }.map(\.element)
        if !gone.isEmpty { waiting.removeAll { isGone($0.element) } }
        return gone
    }
}
