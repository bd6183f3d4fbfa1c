public import Files
import JSON
public import Tensors

/// The rows of a file, and those that could not be read.
public struct DataFile: Sendable {
    /// As the caller named it.
    public var path: String
    public var shape: RowShape
    public var rows: [DataRow]
    /// The first rows that could not be read, each with its line and field.
    public var broken: [TuningError]
    public var brokenCount: Int
    /// Fields of the first row that its shape does not use.
    public var unusedFields: [String]
    /// Tells whether the file is still the one that was read.
    public var stamp: FileStamp
    /// Of its bytes; for a query, of the rows that it gave.
    public var digest: ContentDigest

    /// Errors: that of the first broken row, with the number of the others.
    public func requireWhole() throws(TuningError) {
        guard var error = broken.first else { return }
        if brokenCount > 1 { error.message += " (and \(brokenCount - 1) more rows cannot be read)" }
        throw error
    }
}

/// Reads files of examples: JSON lines, a JSON array of objects, CSV with the names of its columns, a query on a SQLite file.
///
/// The name's ending tells the format (`.jsonl`, `.ndjson`, `.json`, `.csv`, `.tsv`); of another name, the first character does.
public struct DataFileReader: Sendable {
    public var limits: DataSetLimits
    /// Other names for fields: from the name that a shape wants to the name in the file (`["prompt": "question"]`).
    public var fieldNames: [String: String]

    public init(limits: DataSetLimits = DataSetLimits(), fieldNames: [String: String] = [:]) {
        self.limits = limits
        self.fieldNames = fieldNames
    }

    /// Errors: the file cannot be read, is in no known format, holds no row, holds more than the limits, or its first row has no known
    /// shape. A broken row further down is no error of the file: see `DataFile.broken`.
    public func read(_ path: String) throws(TuningError) -> DataFile {
        let file: RegularFile
        let bytes: [UInt8]
        do throws(FileError) {
            file = try RegularFile(path)
            bytes = try file.contents(limitBytes: limits.fileBytes)
            try file.checkUnchanged()
        } catch {
            throw TuningError(error)
        }
        do throws(TuningError) {
            var records = try records(ByteOrderMark.skipped(bytes), path)
            var data = try rows(of: &records, path, stamp: file.stamp)
            data.digest = ContentDigest(of: bytes)
            return data
        } catch {
            throw error.inFile(path)
        }
    }

    /// The rows that a query on a SQLite file gives, by the names of its columns. Only one query that reads is run; a row's line is its
    /// number.
    ///
    /// Errors: as for other files, and `invalidSetting` for a query that the database cannot answer or that does more than read.
    public func read(_ path: String, query: String) throws(TuningError) -> DataFile {
        let file: RegularFile
        do throws(FileError) {
            file = try RegularFile(path)
        } catch {
            throw TuningError(error)
        }
        do throws(TuningError) {
            var records = try SQLiteRecords(path, query: query, limits: limits)
            var data = try rows(of: &records, path, stamp: file.stamp)
            data.digest = records.digest
            return data
        } catch {
            throw error.inFile(path)
        }
    }

    private func rows(
        of records: inout some DataRecordReader, _ path: String, stamp: FileStamp
    ) throws(TuningError) -> DataFile {
        var shape: RowShape?
        var file = DataFile(
            path: path, shape: .text, rows: [], broken: [], brokenCount: 0, unusedFields: [], stamp: stamp,
            digest: ContentDigest(of: ""))
        while let record = try records.next() {
            guard file.rows.count + file.brokenCount < limits.rows else {
                throw TuningError(.limitExceeded, "more than \(limits.rows) rows", line: record.line)
            }
            do throws(TuningError) {
                let fields = try renamed(record.fields.get(), line: record.line)
                if shape == nil { shape = try firstShape(fields, line: record.line, &file) }
                guard let shape else { continue }
                try check(fields, against: shape, line: record.line)
                file.rows.append(try RowReader(shape: shape, limits: limits).row(fields, line: record.line))
            } catch {
                // Without a shape no row can be understood.
                if shape == nil { throw error }
                file.brokenCount += 1
                if file.broken.count < limits.namedRows { file.broken.append(error.inFile(path)) }
            }
        }
        guard let shape else { throw TuningError(.nothingToTrain, "the file has no rows") }
        file.shape = shape
        return file
    }

    /// Those of a text file. Errors: the file cannot be read, or is in no known format.
    func textRecords(_ path: String) throws(TuningError) -> any DataRecordReader {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try RegularFile(path).contents(limitBytes: limits.fileBytes)
        } catch {
            throw TuningError(error)
        }
        return try records(ByteOrderMark.skipped(bytes), path)
    }

    private func records(_ text: ArraySlice<UInt8>, _ path: String) throws(TuningError) -> any DataRecordReader {
        let first = text.first { !$0.isJSONSpace }
        guard !text.starts(with: "SQLite format 3".utf8) else {
            throw TuningError(.unsupported, "a SQLite file; give a query for its rows")
        }
        switch DataFormat(path: path, first: first) {
        case .json where first == UInt8(ascii: "["): return JSONArrayRecords(text, limits: limits)
        case .json: return JSONLineRecords(text, limits: limits)
        case .separated(let separator): return try CSVRecords(text, separator: separator, limits: limits)
        case nil:
            throw TuningError(
                .unsupported,
                "not a file of examples: expected JSON lines (.jsonl), a JSON array of objects (.json), or CSV with the names of its "
                    + "columns (.csv, .tsv)")
        }
    }

    private func renamed(_ fields: JSONObject, line: Int) throws(TuningError) -> JSONObject {
        var renamed = fields
        for (wanted, name) in fieldNames.sorted(by: { $0.key < $1.key }) where wanted != name {
            guard let value = fields[name] else {
                throw TuningError(.malformed, "missing; the row has \(Self.list(fields))", line: line, field: name)
            }
            renamed[wanted] = value
        }
        return renamed
    }

    private func firstShape(_ fields: JSONObject, line: Int, _ file: inout DataFile) throws(TuningError) -> RowShape {
        guard let shape = RowShape(of: fields) else {
            throw TuningError(
                .malformed,
                "the row has \(Self.list(fields)); expected \(RowShape.list). Fields of other names can be mapped to these", line: line)
        }
        let used = Set(shape.required + shape.optional + fieldNames.values)
        file.unusedFields = Array(fields.keys.filter { !used.contains($0) }.prefix(limits.namedRows)).map(Self.shortened)
        return shape
    }

    private func check(_ fields: JSONObject, against shape: RowShape, line: Int) throws(TuningError) {
        let own = RowShape(of: fields)
        guard own != shape else { return }
        if let own {
            throw TuningError(
                .malformed, "the row has \(own.fieldList) and the first rows \(shape.fieldList); a file holds rows of one shape",
                line: line)
        }
        let missing = shape.required.first { name in fields[name].map(\.isNull) ?? true }
        throw TuningError(.malformed, "missing; the row has \(Self.list(fields))", line: line, field: missing)
    }

    private static func list(_ fields: JSONObject) -> String {
        if fields.isEmpty { return "no fields" }
        let names = fields.keys.prefix(12).map { "`\(shortened($0))`" }.joined(separator: ", ")
        return fields.count > 12 ? "\(names) and \(fields.count - 12) more" : names
    }

    private static func shortened(_ name: String) -> String { name.count <= 40 ? name : "\(name.prefix(40))…" }
}

/// How rows are written in a file.
enum DataFormat: Equatable {
    /// An array where the text begins with a bracket, else lines.
    case json
    case separated(UInt8)

    /// - Parameter first: the first byte that is no white space.
    init?(path: String, first: UInt8?) {
        let name = path.lowercased()
        if name.hasSuffix(".csv") {
            self = .separated(UInt8(ascii: ","))
        } else if name.hasSuffix(".tsv") {
            self = .separated(UInt8(ascii: "\t"))
        } else if [".jsonl", ".ndjson", ".json"].contains(where: name.hasSuffix) || first == UInt8(ascii: "{")
            || first == UInt8(ascii: "[")
        {
            self = .json
        } else {
            return nil
        }
    }
}

extension TuningError {
    init(_ error: FileError) {
        let code: Code =
            switch error.code {
            case .notFound, .danglingLink: .notFound
            case .limitExceeded: .limitExceeded
            case .notText: .malformed
            case .changed: .changed
            default: .io
            }
        self.init(code, error.message, file: error.path)
    }

    func inFile(_ path: String) -> TuningError {
        var error = self
        error.file = error.file ?? path
        return error
    }
}
