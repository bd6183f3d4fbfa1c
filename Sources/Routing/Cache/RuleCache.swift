internal import Files
internal import Tensors

/// The rules of the last training on disk, so that a start needs no training: as long as the same adapters have the same examples.
///
/// One file an encoder, overwritten by each training: 8 bytes `lmoerul2`, 32 bytes of the key, u64 adapters, landmarks and feature
/// dimension, f32 feature scale and 4 bytes of zero, four f64 of the calibration, then landmarks and weights, f32, and the digest of
/// these three parts, 32 bytes; little-endian. A file with another key, size or digest is a miss. The eight bytes change whenever training does.
struct RuleCache: Sendable {
    struct Rules: Sendable {
        var map: FeatureMap
        /// `[adapters, map.dimension]`
        var weights: [Float]
        var calibration: Calibration
    }

    let folder: String
    /// Of the encoder.
    let identity: String

    private static let magic: [UInt8] = Array("lmoerul2".utf8)
    private static let headerBytes = 8 + 32 + 3 * 8 + 8 + 4 * 8
    private static let digestBytes = 32

    /// What rules depend on.
    static func key(_ set: TrainingSet, neighbours: Int) -> ContentDigest {
        let constants = "\(RidgeFit.ridge) \(FeatureMap.mostLandmarks) \(neighbours) \(set.distanceRange) \(set.featureDimension)"
        return ContentDigest(
            of: [ContentDigest(of: constants)] + set.groups.flatMap { [ContentDigest(of: "\($0.name) \($0.adapter ?? -1)"), $0.features.digest] })
    }

    /// Nil when there is no such file, or none that fits. Errors: the file or the folder cannot be read.
    func load(_ key: ContentDigest, _ set: TrainingSet) throws(FileError) -> Rules? {
        let file: RegularFile
        do throws(FileError) {
            file = try RegularFile(path)
        } catch where error.code == .notFound {
            return nil
        }
        guard file.size >= Self.headerBytes + Self.digestBytes else { return nil }
        var header = [UInt8](repeating: 0, count: Self.headerBytes)
        try Self.fill(&header, from: file, at: 0)
        guard header[..<8].elementsEqual(Self.magic), header[8..<40].elementsEqual(key.rawBytes) else { return nil }
        func count(_ place: Int) -> Int { header.withUnsafeBytes { Int(truncatingIfNeeded: $0.loadUnaligned(fromByteOffset: 40 + 8 * place, as: UInt64.self)) } }
        let (adapters, landmarks, dimension) = (count(0), count(1), count(2))
        let distances = set.distanceRange.count
        guard adapters == set.adapters, dimension == set.featureDimension, (0...FeatureMap.mostLandmarks.few).contains(landmarks),
            file.size == Self.headerBytes + 4 * (landmarks * distances + adapters * (dimension + landmarks)) + Self.digestBytes
        else { return nil }
        var numbers = [Float](repeating: 0, count: landmarks * distances)
        var weights = [Float](repeating: 0, count: adapters * (dimension + landmarks))
        var digest = [UInt8](repeating: 0, count: Self.digestBytes)
        try Self.fill(&numbers, from: file, at: Self.headerBytes)
        try Self.fill(&weights, from: file, at: Self.headerBytes + 4 * numbers.count)
        try Self.fill(&digest, from: file, at: file.size - Self.digestBytes)
        guard digest.elementsEqual(Self.digest(header, numbers, weights).rawBytes) else { return nil }
        let calibration = (0..<4).map { place in header.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 72 + 8 * place, as: Double.self) } }
        let map = FeatureMap(
            unitLandmarks: numbers, count: landmarks, featureDimension: dimension, distanceRange: set.distanceRange,
            featureScale: header.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 64, as: Float.self) })
        return Rules(
            map: map, weights: weights,
            calibration: Calibration(
                bias: calibration[0], scoreWeight: calibration[1], nearnessWeight: calibration[2], sharpness: calibration[3]))
    }

    private static func fill<Element: BitwiseCopyable>(_ elements: inout [Element], from file: RegularFile, at offset: Int) throws(FileError) {
        let result: Result<Void, FileError> = elements.withUnsafeMutableBytes { buffer in
            Result { () throws(FileError) in try file.read(into: buffer, at: offset) }
        }
        try result.get()
    }

    /// Of the parts one after another.
    private static func digest(_ header: [UInt8], _ landmarks: [Float], _ weights: [Float]) -> ContentDigest {
        ContentDigest(of: [ContentDigest(of: header), landmarks.withUnsafeBytes { ContentDigest(of: $0) }, weights.withUnsafeBytes { ContentDigest(of: $0) }])
    }

    /// Errors: `unwritable`.
    func store(_ rules: Rules, _ key: ContentDigest, adapters: Int) throws(FileError) {
        var header = Self.magic + key.rawBytes
        func add(_ value: some BitwiseCopyable) { withUnsafeBytes(of: value) { header.append(contentsOf: $0) } }
        for value in [adapters, rules.map.landmarkCount, rules.map.featureDimension] { add(UInt64(value).littleEndian) }
        add(rules.map.featureScale)
        add(UInt32(0))
        let calibration = rules.calibration
        for value in [calibration.bias, calibration.scoreWeight, calibration.nearnessWeight, calibration.sharpness] { add(value) }
        var bytes = header
        rules.map.landmarks.withUnsafeBytes { bytes.append(contentsOf: $0) }
        rules.weights.withUnsafeBytes { bytes.append(contentsOf: $0) }
        bytes += Self.digest(header, rules.map.landmarks, rules.weights).rawBytes
        try WholeFile.write(bytes, to: path)
    }

    private var path: String { "\(folder)/rules-\(ContentDigest(of: identity).hexadecimal.prefix(16)).bin" }
}
