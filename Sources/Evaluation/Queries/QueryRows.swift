import SQLite

/// What a query gave, so that it can be compared with what another one gave.
///
/// Numbers are equal in the first 12 digits, as sums in another order differ in their last ones, and 5 equals 5.0.
struct QueryRows: Equatable {
    enum Value: Hashable {
        case null
        case number(UInt64)
        /// Beyond what a rounded number holds.
        case integer(Int64)
        case text(String)
        case blob([UInt8])
    }

    private(set) var rows: [[Value]] = []

    init() {}

    mutating func append(_ values: [SQLiteValue]) { rows.append(values.map(Self.value)) }

    /// Equal rows, each as often, in any order.
    func hasSameRows(as other: QueryRows) -> Bool {
        guard rows.count == other.rows.count else { return false }
        var counts: [[Value]: Int] = [:]
        for row in rows { counts[row, default: 0] += 1 }
        for row in other.rows {
            guard let count = counts[row], count > 0 else { return false }
            counts[row] = count - 1
        }
        return true
    }

    private static func value(_ value: SQLiteValue) -> Value {
        switch value {
        case .null: .null
        case .integer(let integer): integer.magnitude <= 1 << 40 ? .number(rounded(Double(integer))) : .integer(integer)
        case .real(let number): .number(rounded(number))
        case .text(let text): .text(text)
        case .blob(let bytes): .blob(bytes)
        }
    }

    /// The 41 leading bits, about 12 digits.
    private static func rounded(_ number: Double) -> UInt64 {
        guard number.isFinite, number != 0 else { return number == 0 ? 0 : number.bitPattern }
        let dropped: UInt64 = 1 << 12
        return (number.bitPattern + dropped / 2) & ~(dropped - 1)
    }
}
